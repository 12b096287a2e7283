#include "client.h"

#include <chrono>
#include <climits>

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "client_stream.h"
#include "tls_client.h"

namespace signet::rpc_grpc {
namespace {

// Addresses that do not answer are not looked up again for each call.
constexpr int64_t kShortestLifeNs = 1'000'000'000;

}  // namespace

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
    c->credentials_ = grpc::InsecureChannelCredentials();
  }
  return c;
}

grpc::ChannelArguments ClientConnection::arguments(std::size_t addresses) const {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(options_.max_message);
  args.SetMaxSendMessageSize(-1);
  // Nobody's service config asks for retries; what they do is to take a call that a GOAWAY
  // overtook, of which nothing was sent, to the next connection.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 1);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // channels of two identities share nothing
  // A server that comes back is found within two seconds.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // In truth one attempt's time-out. With another server to turn to, a host that does not answer
  // is not waited for.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, addresses > 1 ? 1500 : 10'000);
  // No pings in fact; but with them gRPC sets TCP_USER_TIMEOUT, which ends a connection whose host
  // has gone without a word as soon as something was sent to it.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX - 1);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  if (endpoint_.kind == Endpoint::Kind::kUnix) {
    args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  } else if (endpoint_.kind == Endpoint::Kind::kDns) {
    args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, endpoint_.host_port());
  }
  return args;
}

ClientConnection::~ClientConnection() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (ClientStream* stream : streams_) stream->cancel();
    quiet_.wait(lock, [&] { return streams_.empty() && !preparing_; });
  }
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
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<grpc::Channel> gone;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    streams_.insert(stream);
    if (closing_) stream->cancel();
    if (lost()) gone = std::move(channel_);
    channel = channel_;
    if (!channel) {
      waiting_.push_back(stream);
      ask = !std::exchange(preparing_, true);
    }
  }
  if (channel) stream->start(channel);
  if (ask) prepare();
  return SIGNET_OK;
}

// A channel to an address that is given finds its server again by itself.
bool ClientConnection::lost() const {
  if (!channel_ || endpoint_.kind != Endpoint::Kind::kDns) return false;
  const grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/false);
  return (state == GRPC_CHANNEL_IDLE || state == GRPC_CHANNEL_TRANSIENT_FAILURE) &&
         owner_.host.monotonic_ns() - channel_made_ns_ >= kShortestLifeNs;
}

void ClientConnection::prepare() {
  run_apart([this] {
    for (bool more = true; more;) {
      start_waiting(make_channel());
      std::lock_guard lock(mutex_);
      more = preparing_ = !waiting_.empty();  // calls that came meanwhile and found no channel
      if (!more) quiet_.notify_all();
    }
  });
}

Result<std::shared_ptr<grpc::Channel>> ClientConnection::make_channel() {
  if (!credentials_) {
    SIGNET_TRY(credentials_, tls_->credentials());
  }
  std::string target;
  std::size_t count = 1;
  switch (endpoint_.kind) {
    case Endpoint::Kind::kUnix:
      target = "unix:" + endpoint_.path;
      break;
    case Endpoint::Kind::kTcp:
      target = (endpoint_.host.find(':') == std::string::npos ? "ipv4:" : "ipv6:") +
               endpoint_.host_port();
      break;
    case Endpoint::Kind::kDns: {
      SIGNET_TRY(const auto addresses, addresses_.get(endpoint_));
      target = target_of(addresses, endpoint_.port);
      count = addresses.size();
      break;
    }
  }
  auto channel = grpc::CreateCustomChannel(target, credentials_, arguments(count));
  (void)channel->GetState(/*try_to_connect=*/true);  // its state tells from now on
  return channel;
}

void ClientConnection::start_waiting(Result<std::shared_ptr<grpc::Channel>> channel) {
  std::vector<ClientStream*> waiting;
  {
    std::lock_guard lock(mutex_);
    if (channel) {
      channel_ = *channel;
      channel_made_ns_ = owner_.host.monotonic_ns();
    }
    waiting.swap(waiting_);
  }
  for (ClientStream* stream : waiting) {
    if (channel) {
      stream->start(*channel);
    } else {
      stream->fail(grpc::Status(grpc::StatusCode::UNAVAILABLE, channel.status().message()));
    }
  }
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
