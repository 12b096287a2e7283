#include "workload_client/rpc_transport.h"

#include <algorithm>
#include <thread>

#include "crypto/secret_bytes.h"
#include "workload_client/endpoint.h"

namespace signet::workload_client {
namespace {

// A message as its bytes, in the shape that the rpc client wants of messages.
struct RawMessage {
  std::string bytes;
  bool ParseFromArray(const void* data, int size) {
    bytes.assign(static_cast<const char*>(data), static_cast<std::size_t>(size));
    return true;
  }
  std::size_t ByteSizeLong() const { return bytes.size(); }
  void SerializeWithCachedSizesToArray(std::uint8_t* out) const {
    std::copy(bytes.begin(), bytes.end(), out);
  }
};

// Workload Endpoint 5: the header that shows the caller means the Workload API.
const RpcConnection::Headers& headers() {
  static const RpcConnection::Headers kHeaders = {{"workload.spiffe.io", "true"}};
  return kHeaders;
}

class RpcStream final : public Stream {
 public:
  RpcStream(std::unique_ptr<RpcConnection> connection, std::unique_ptr<ClientCall> call,
            Transport::OnMessage on_message, Transport::OnEnd on_end)
      : connection_(std::move(connection)), call_(std::move(call)) {
    thread_ = std::thread([this, on_message = std::move(on_message), on_end = std::move(on_end)] {
      on_end(read_all(on_message));
    });
  }
  ~RpcStream() override {
    call_->cancel();
    thread_.join();
  }

 private:
  Status read_all(const Transport::OnMessage& on_message) {
    call_->half_close();
    while (true) {
      auto message = call_->read<RawMessage>();
      if (!message) {
        if (message.status().code() != Code::kCancelled) return message.status();
        return Status::unavailable(message.status().message());
      }
      if (!*message) return {};
      on_message((*message)->bytes);
      crypto::wipe((*message)->bytes);  // it holds the private key
    }
  }

  std::unique_ptr<RpcConnection> connection_;  // outlives the call
  std::unique_ptr<ClientCall> call_;
  std::thread thread_;
};

// A stream that never was.
class EndedStream final : public Stream {};

}  // namespace

Result<std::string> rpc_uri(std::string_view endpoint) {
  if (endpoint.starts_with('/')) return endpoint_target("unix://" + std::string(endpoint));
  SIGNET_TRY(std::string target, endpoint_target(endpoint));
  for (const std::string_view family : {"ipv4:", "ipv6:"}) {
    if (target.starts_with(family)) return "tcp:" + target.substr(family.size());
  }
  return target;
}

std::unique_ptr<Stream> RpcTransport::stream(const std::string& method, std::string request,
                                             OnMessage on_message, OnEnd on_end) {
  auto connection = RpcConnection::create(host_, uri_, "{}", nullptr);
  if (!connection) {
    on_end(connection.status());
    return std::make_unique<EndedStream>();
  }
  auto call = (*connection)->open(method, RawMessage{std::move(request)}, INT64_MAX, headers());
  if (!call) {
    on_end(call.status());
    return std::make_unique<EndedStream>();
  }
  return std::make_unique<RpcStream>(std::move(*connection), std::move(*call),
                                     std::move(on_message), std::move(on_end));
}

Result<std::string> RpcTransport::call(const std::string& method, std::string request,
                                       std::chrono::milliseconds timeout) {
  SIGNET_TRY(const auto connection, RpcConnection::create(host_, uri_, "{}", nullptr));
  SIGNET_TRY(RawMessage answer,
             connection->call<RawMessage>(method, RawMessage{std::move(request)},
                                          host_.deadline_in(timeout), headers()));
  return std::move(answer.bytes);
}

}  // namespace signet::workload_client
