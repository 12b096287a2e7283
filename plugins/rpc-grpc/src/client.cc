#include "client.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>

#include "client_stream.h"
#include "tls_client.h"

namespace signet::rpc_grpc {

Result<std::unique_ptr<ClientConnection>> ClientConnection::create(const signet_host* owner, const Endpoint& endpoint,
                                                                   const ClientOptions& options,
                                                                   const signet_rpc_acceptor* acceptor, void* self) {
  std::unique_ptr<ClientConnection> c(new ClientConnection(owner));
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.tls) {
    if (!acceptor) return Status::invalid_argument("TLS needs an acceptor");
    SIGNET_TRY(c->tls_, TlsClient::create(c->owner_, *acceptor, self));
    credentials = c->tls_->credentials();
  } else {
    credentials = grpc::InsecureChannelCredentials();
  }
  std::string target;
  switch (endpoint.kind) {
    case Endpoint::Kind::kUnix:
      target = "unix:" + endpoint.path;
      break;
    case Endpoint::Kind::kTcp:
      target = (endpoint.host.find(':') == endpoint.host.npos ? "ipv4:" : "ipv6:") + endpoint.host_port();
      break;
    case Endpoint::Kind::kDns:
      target = "dns:///" + endpoint.host_port();
      break;
  }
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(options.max_message);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // channels of two identities share nothing
  // A server that comes back is found within two seconds.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);  // in truth: one attempt's time-out
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 2000);
  if (endpoint.kind == Endpoint::Kind::kUnix) args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  c->channel_ = grpc::CreateCustomChannel(target, credentials, args);
  c->stub_ = std::make_unique<grpc::GenericStub>(c->channel_);
  return c;
}

ClientConnection::ClientConnection(const signet_host* owner) : owner_(owner) {}

ClientConnection::~ClientConnection() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (ClientStream* stream : streams_) stream->cancel();
    quiet_.wait(lock, [&] { return streams_.empty(); });
  }
  stub_.reset();
  channel_.reset();
  if (tls_) tls_->stop();
}

signet_status ClientConnection::call(std::string method, int64_t deadline_ns, const signet_rpc_header* headers,
                                     std::size_t header_count, const signet_rpc_handler* handler, void* st,
                                     signet_blob* first, signet_rpc_stream** out) {
  auto* stream = new ClientStream(this, handler, st, deadline_ns);
  for (std::size_t i = 0; i < header_count; ++i) {
    stream->context().AddMetadata(std::string(view(headers[i].key)), std::string(view(headers[i].value)));
  }
  if (deadline_ns != INT64_MAX) {
    const int64_t left = deadline_ns - owner_.host.monotonic_ns();
    stream->context().set_deadline(std::chrono::system_clock::now() + std::chrono::nanoseconds(left));
  }
  bool closing = false;
  {
    std::lock_guard lock(mutex_);
    streams_.insert(stream);
    closing = closing_;
  }
  *out = stream->abi();
  stream->start(method, first);
  if (closing) stream->cancel();
  return SIGNET_OK;
}

std::string ClientConnection::verify_failure() const { return tls_ ? tls_->verify_failure() : std::string(); }

const signet_rpc_peer* ClientConnection::peer() const {
  if (!tls_) return nullptr;
  const auto peer = tls_->peer();
  return peer ? &peer->abi : nullptr;
}

void ClientConnection::stream_ended(ClientStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.erase(stream);
  quiet_.notify_all();
}

}  // namespace signet::rpc_grpc
