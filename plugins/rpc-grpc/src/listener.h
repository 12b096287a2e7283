// Listener: one socket, its methods and its connections.
//
// accept -> limits -> (plaintext: the acceptor's verdict | TLS: TlsHandshake, which asks for it)
// -> H2Connection on one of the loops. The server is one for Unix sockets, TCP and TLS.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "acceptor_call.h"
#include "connection.h"
#include "connection_counts.h"
#include "h2_connection.h"
#include "now_and_then.h"
#include "options.h"
#include "unix_listener.h"

namespace signet::rpc_grpc {

class TlsServer;

class Listener final : public H2Service, public std::enable_shared_from_this<Listener> {
 public:
  Listener(const signet_host* owner, Endpoint endpoint, ServerOptions options,
           const signet_rpc_acceptor* acceptor, void* self);
  ~Listener();

  /// Takes the address: a TCP port is bound now, so that its number is known.
  Status listen();
  std::string address() const;
  Status handle(std::string_view method, const signet_rpc_handler* handler, void* self);
  /// Binds a Unix path, loads the certificate and lets callers in.
  Status serve();
  void identity_changed();
  void disconnect(std::string_view id);
  /// Stops accepting at once; `done` when the last call is over, at the latest soon after the
  /// deadline, when what still runs is cancelled. Once.
  void close(int64_t deadline_ns, std::function<void()> done);

 private:
  static constexpr int kBacklog = 4096;

  // For the connections, see h2_connection.h.
  const Owner& owner() const override { return owner_; }
  const ServerOptions& options() const override { return options_; }
  const H2Settings& settings() const override { return settings_; }
  const Method* find_method(const std::string& path) const override;
  std::string unknown_method_words(const std::string& path) const override;
  void call_began() override;
  void call_ended() override;
  Status know_peer(Connection& connection) override;
  bool identified(const ConnectionPtr& connection) override;
  void connection_ended(const ConnectionPtr& connection) override;

  void accept_ready();
  void set_limits();
  bool asks() const;  // the acceptor, once a plaintext connection is there
  void accept_unix(ConnectionPtr connection);
  void accept_tcp(ConnectionPtr connection);
  /// Counts it, unless there are too many.
  bool admit(const Connection& connection);
  void refused(const std::string& reason, const std::string& caller);
  /// Registers the connection, has it judged if it is plaintext, and hands it over.
  void enter(ConnectionPtr connection);
  void ask_for(ConnectionPtr connection);
  void judged(ConnectionPtr connection, Result<Verdict> verdict);
  /// To its loop.
  void hand_over(const ConnectionPtr& connection);
  H2Loop& loop_of(const Connection& connection) const;
  /// Lets calls end until the deadline, then closes what is left; blocks.
  void drain(int64_t deadline_ns);
  void finish(int64_t deadline_ns);

  const Owner owner_;
  const Endpoint endpoint_;
  const ServerOptions options_;
  const signet_rpc_acceptor* const acceptor_;
  void* const self_;
  H2Settings settings_;
  int fd_ = -1;
  BoundSocket unix_socket_;
  uint16_t port_ = 0;
  uint64_t token_ = 0;
  std::unordered_map<std::string, Method> methods_;
  std::shared_ptr<TlsServer> tls_;
  bool serving_ = false;
  bool peers_keep_ = false;  // a Unix caller's process may be asked for later; since serve()

  std::mutex mutex_;
  std::condition_variable quiet_;
  bool closing_ = false;
  std::size_t open_calls_ = 0;
  std::size_t pending_ = 0;                                  // verdicts asked for and not given yet
  std::unordered_map<uint64_t, ConnectionPtr> connections_;  // by their number
  ConnectionCounts counts_;
  std::unordered_multimap<std::string, ConnectionPtr> by_id_;  // whose peer has one
  NowAndThen warning_{10'000'000'000};
};

}  // namespace signet::rpc_grpc
