// The head of a gRPC request as our own server reads it, and the texts of a gRPC response: the
// rules of "gRPC over HTTP2", as far as a server needs them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "signet/abi/rpc.h"

namespace signet::rpc_grpc {

class H2Request {
 public:
  static constexpr std::size_t kMaxHeaders = 16 * 1024;  // bytes, counted as RFC 9113 10.5.1 does

  /// The fields in the order in which they came.
  void add(std::string_view name, std::string_view value);
  /// Not a request at all (RFC 9113 8.1.1): its stream is reset, check() need not be asked. nghttp2
  /// would look itself, but also refuses an `:authority` with a slash: java-spiffe names the
  /// socket's path there, and Go's servers do not mind.
  bool malformed() const;

  // Why a request is refused before any handler sees it.
  struct Refusal {
    int http_status = 200;
    signet_status code = SIGNET_OK;  // OK: not refused
    std::string message;
  };
  Refusal check() const;

  const std::string& path() const { return path_; }
  /// How long the caller waits, in ns; INT64_MAX: no limit.
  int64_t timeout_ns() const { return timeout_ns_; }
  /// Packed, for find_metadata(): name, NUL, length, value. Values of "-bin" names are decoded.
  std::string take_metadata() { return std::move(metadata_); }
  bool compressed() const { return compressed_; }

 private:
  bool well_formed(std::string_view name, std::string_view value);

  std::size_t size_ = 0;
  unsigned pseudo_ = 0;  // which of the fields with a colon there were
  bool regular_ = false;
  bool malformed_ = false;
  bool post_ = false;
  bool compressed_ = false;
  bool bad_timeout_ = false;
  int64_t timeout_ns_ = INT64_MAX;
  std::string path_;
  std::string method_;
  std::string content_type_;
  std::string metadata_;
};

/// The values of `key` in packed metadata: their number; the first `max` are written.
std::size_t find_metadata(const std::string& packed, std::string_view key, signet_str* values,
                          std::size_t max);

/// "100m", "5S": 1 to 8 digits and a unit of H, M, S, m, u, n. False: malformed.
bool parse_grpc_timeout(std::string_view text, int64_t* ns);
/// grpc-message: what is not printable ASCII, and '%', as %XX.
std::string percent_encoded(std::string_view text);
/// RFC 4648 4, without padding, as binary metadata is sent.
std::string base64_unpadded(std::string_view bytes);

}  // namespace signet::rpc_grpc
