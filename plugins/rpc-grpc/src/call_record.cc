#include "call_record.h"

namespace signet::rpc_grpc {
namespace {

constexpr std::size_t kLoggedWords = 512;  // bytes; they may quote the caller

}  // namespace

void CallRecord::add(signet_str key, signet_str value) {
  if (!fields_) fields_ = std::make_unique<std::vector<std::pair<std::string, std::string>>>();
  if (fields_->size() < 64) fields_->emplace_back(view(key), view(value));
}

void CallRecord::log(const Owner& owner, const std::string& method, signet_status code,
                     std::string_view words, const Peer& peer) const {
  if (!owner.host.enabled(LogLevel::kDebug)) return;
  std::vector<Field> fields;
  fields.emplace_back("method", method);
  fields.emplace_back("status", code_name(static_cast<Code>(code)));
  fields.emplace_back("elapsed_time",
                      std::chrono::nanoseconds(owner.host.monotonic_ns() - began_ns_));
  if (!words.empty()) fields.emplace_back("error", words.substr(0, kLoggedWords));
  if (peer.abi.transport == SIGNET_RPC_UNIX) {
    fields.emplace_back("caller_pid", peer.abi.pid);
    fields.emplace_back("caller_uid", peer.abi.uid);
  } else {
    fields.emplace_back("caller_addr", peer.address);
    if (!peer.id.empty()) fields.emplace_back("caller_id", peer.id);
  }
  if (fields_) {
    for (const auto& [key, value] : *fields_) fields.emplace_back(key, value);
  }
  owner.host.log(LogLevel::kDebug, "Call ended", fields);
}

}  // namespace signet::rpc_grpc
