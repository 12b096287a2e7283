// A small HTTPS server for documents that anybody may read: HTTP/1.1, one request per connection,
// no body is read, and everything a peer chooses is bounded.
//
// TLS 1.2 or newer (or none, start_plain()), no certificate asked of the client. The certificate
// may change while serving.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet::https_server {

struct Request {
  std::string_view method;  // "GET"
  std::string_view path;    // "/bundle", without the query
};
struct Answer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::shared_ptr<const std::string> body;  // shared by all who get it; null: none
};
/// Called on the server's thread: must not block.
using Handler = std::function<Answer(const Request&)>;

struct Options {
  std::string address;  // an IP address
  std::uint16_t port = 0;
  unsigned max_connections = 512;         // one more ends the oldest
  unsigned max_connections_per_ip = 256;  // many callers may come through one balancer
  std::size_t max_head_bytes = 16 * 1024;
  std::chrono::milliseconds handshake_time{10'000};
  std::chrono::milliseconds request_time{10'000};  // until the head is there
  std::chrono::milliseconds answer_time{10'000};   // until it is written
};

struct Identity {
  std::vector<std::string> chain;  // DER, leaf first
  std::string_view key;            // PKCS#8 DER; used inside the call only
};

class Server {
 public:
  /// Listens from then on. Errors   kUnavailable: the address cannot be had;
  ///                                 kInvalidArgument: the address or the identity
  static Result<std::unique_ptr<Server>> start(const Options& options, const Identity& identity,
                                               Handler handler);
  /// The same without TLS, for what is no secret and asked nearby: HTTP.
  static Result<std::unique_ptr<Server>> start_plain(const Options& options, Handler handler);
  /// Closes everything and waits for its thread.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// For connections from now on. Errors   kInvalidArgument: chain and key do not go together
  Status set_identity(const Identity& identity);

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  static Result<std::unique_ptr<Server>> start(const Options& options, const Identity* identity,
                                               Handler handler);
  std::shared_ptr<Impl> impl_;
};

}  // namespace signet::https_server
