#include "client.h"

#include <chrono>

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "client_stream.h"
#include "tls_client.h"

namespace signet::rpc_grpc {

ClientConnection::ClientConnection(const signet_host* owner, Endpoint endpoint,
                                   ClientOptions options)
    : owner_(owner), endpoint_(std::move(endpoint)), options_(options) {}

Result<std::unique_ptr<ClientConnection>> ClientConnection::create(
    const signet_host* owner, const Endpoint& endpoint, const ClientOptions& options,
    const signet_rpc_acceptor* acceptor, void* self) {
  keep_grpc_alive();
  std::unique_ptr<ClientConnection> c(new ClientConnection(owner, endpoint, options));
  if (options.tls) {
    if (!acceptor) return Status::invalid_argument("TLS needs an acceptor");
    c->tls_ = std::make_unique<TlsClient>(c->owner_, *acceptor, self);
  } else {
    c->channel_ =
        grpc::CreateCustomChannel(c->target(), grpc::InsecureChannelCredentials(), c->arguments());
    c->stub_ = std::make_unique<grpc::GenericStub>(c->channel_);
  }
  return c;
}

std::string ClientConnection::target() const {
  switch (endpoint_.kind) {
    case Endpoint::Kind::kUnix:
      return "unix:" + endpoint_.path;
    case Endpoint::Kind::kTcp:
      return (endpoint_.host.find(':') == std::string::npos ? "ipv4:" : "ipv6:") +
             endpoint_.host_port();
    case Endpoint::Kind::kDns:
      break;
  }
  return "dns:///" + endpoint_.host_port();
}

grpc::ChannelArguments ClientConnection::arguments() const {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(options_.max_message);
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
  if (endpoint_.kind == Endpoint::Kind::kUnix)
    args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return args;
}

ClientConnection::~ClientConnection() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (ClientStream* stream : streams_) stream->cancel();
    quiet_.wait(lock, [&] { return streams_.empty() && !preparing_; });
  }
  stub_.reset();
  channel_.reset();
  if (tls_) tls_->stop();
}

signet_status ClientConnection::call(std::string method, int64_t deadline_ns,
                                     const signet_rpc_header* headers, std::size_t header_count,
                                     const signet_rpc_handler* handler, void* st,
                                     signet_blob* first, signet_rpc_stream** out) {
  auto* stream = new ClientStream(this, std::move(method), handler, st, deadline_ns, first);
  for (std::size_t i = 0; i < header_count; ++i) {
    stream->context().AddMetadata(std::string(view(headers[i].key)),
                                  std::string(view(headers[i].value)));
  }
  if (deadline_ns != INT64_MAX) {
    const int64_t left = deadline_ns - owner_.host.monotonic_ns();
    stream->context().set_deadline(std::chrono::system_clock::now() +
                                   std::chrono::nanoseconds(left));
  }
  *out = stream->abi();
  bool ready = false;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    streams_.insert(stream);
    if (closing_) stream->cancel();
    ready = stub_ != nullptr;
    if (!ready) {
      waiting_.push_back(stream);
      ask = !std::exchange(preparing_, true);
    }
  }
  if (ready) stream->start(*stub_);
  if (ask) prepare();
  return SIGNET_OK;
}

void ClientConnection::prepare() {
  const Status posted = owner_.host.post([this] { prepared(tls_->credentials()); });
  if (!posted.ok()) prepared(posted);
}

void ClientConnection::prepared(Result<std::shared_ptr<grpc::ChannelCredentials>> credentials) {
  std::vector<ClientStream*> waiting;
  {
    std::lock_guard lock(mutex_);
    if (credentials) {
      channel_ = grpc::CreateCustomChannel(target(), *credentials, arguments());
      stub_ = std::make_unique<grpc::GenericStub>(channel_);
    }
    waiting.swap(waiting_);
  }
  for (ClientStream* stream : waiting) {
    if (credentials) {
      stream->start(*stub_);
    } else {
      stream->fail(grpc::Status(grpc::StatusCode::UNAVAILABLE, credentials.status().message()));
    }
  }
  std::lock_guard lock(mutex_);
  preparing_ = false;
  quiet_.notify_all();
}

std::string ClientConnection::verify_failure() const {
  return tls_ ? tls_->verify_failure() : std::string();
}

PeerPtr ClientConnection::peer() const { return tls_ ? tls_->peer() : nullptr; }

void ClientConnection::stream_ended(ClientStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.erase(stream);
  quiet_.notify_all();
}

}  // namespace signet::rpc_grpc
