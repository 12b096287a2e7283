// What the log says about a call when it ends: its method, outcome and why, time, peer, and the
// fields that the handler has added.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connection.h"
#include "runtime.h"

namespace signet::rpc_grpc {

class CallRecord {
 public:
  explicit CallRecord(int64_t now_ns) : began_ns_(now_ns) {}
  /// The first 64 fields are kept. Not synchronised.
  void add(signet_str key, signet_str value);
  /// At debug level; costs nothing when that is off. `words` say why it was no success.
  void log(const Owner& owner, const std::string& method, signet_status code,
           std::string_view words, const Peer& peer) const;

 private:
  const int64_t began_ns_;
  std::unique_ptr<std::vector<std::pair<std::string, std::string>>> fields_;
};

}  // namespace signet::rpc_grpc
