#include "api_server.h"

#include <array>
#include <unistd.h>

#include "agent_records.h"
#include "api_status.h"
#include "change_follower.h"
#include "limit_metrics.h"
#include "server_identity.h"

namespace signet::server {
namespace {

constexpr std::string_view kAdminOptions =
    R"({"socket_mode":"0770","folder_mode":"0750","max_message":4194304})";
// Agents' connections end after three minutes, so that they look up the server's name again. So
// many fit that one server holds the largest fleets: 33 KiB each.
constexpr std::string_view kTcpOptions =
    R"({"tls":true,"client_certificate":"asked","max_message":4194304,)"
    R"("max_connection_age_s":180,"max_connections":262144})";

// Of all requests that wait because of a rate limit.
constexpr std::size_t kMaxWaitingBytes = 64 * 1024 * 1024;

std::string executable_of(std::int32_t pid) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/" + std::to_string(pid) + "/exe";
  const ssize_t n = readlink(link.c_str(), path.data(), path.size());
  return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

bool limit_enabled(const ServerConfig& config, Limit limit) {
  switch (limit) {
    case Limit::kNone:
      return false;
    case Limit::kAttest:
      return config.ratelimit_attestation;
    case Limit::kCsr:
    case Limit::kJsr:
    case Limit::kWsr:
      return config.ratelimit_signing;
    case Limit::kPushKey:
    case Limit::kPostStatus:
    case Limit::kExplain:
      return true;
  }
  return true;
}

}  // namespace

// What the transport asks about TLS connections. The peer's verified identity hangs on the
// connection; calls share it.
class ApiServer::TlsAcceptor final : public RpcAcceptor {
 public:
  using Holder = std::shared_ptr<const PeerIdentity>;
  TlsAcceptor(ServiceContext& context, Authorizer& authorizer)
      : context_(context), authorizer_(authorizer) {}

  Result<RpcIdentity> identity() override {
    const auto state = context_.identity->current();
    RpcIdentity identity;
    identity.chain = state->chain;
    identity.key = state->key;
    return identity;
  }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    SIGNET_TRY(Holder identity, authorizer_.verify_peer(peer));
    if (!identity) return RpcVerdict{};
    RpcVerdict verdict;
    verdict.id = identity->spiffe_id.to_string();
    verdict.user = new Holder(std::move(identity));
    return verdict;
  }
  void closed(const RpcPeer& peer) override { delete static_cast<Holder*>(peer.user); }

 private:
  ServiceContext& context_;
  Authorizer& authorizer_;
};

ApiServer::ApiServer(ServiceContext& context, const MethodRegistry& methods)
    : context_(context),
      methods_(methods),
      authorizer_(context),
      delayed_(context.host),
      acceptor_(std::make_unique<TlsAcceptor>(context, authorizer_)) {}

ApiServer::~ApiServer() { stop(std::chrono::nanoseconds(0)); }

Status ApiServer::start_local() {
  SIGNET_RETURN_IF_ERROR(open_admin_socket());
  SIGNET_RETURN_IF_ERROR(admin_->serve());
  context_.host.info("Serving the API", {{"address", admin_->address()}, {"network", "unix"}});
  return {};
}

Status ApiServer::start_network() {
  SIGNET_TRY(std::shared_ptr<RpcListener> tcp, open_tcp());
  SIGNET_RETURN_IF_ERROR(tcp->serve());
  context_.host.info("Serving the API", {{"address", tcp->address()}, {"network", "tcp"}});
  const std::lock_guard lock(network_mutex_);
  network_ = std::move(tcp);
  return {};
}

void ApiServer::stop_network(std::chrono::nanoseconds drain) {
  std::shared_ptr<RpcListener> tcp;
  {
    const std::lock_guard lock(network_mutex_);
    tcp = std::move(network_);
  }
  if (tcp) (void)tcp->close(drain);
}

std::shared_ptr<RpcListener> ApiServer::network() const {
  const std::lock_guard lock(network_mutex_);
  return network_;
}

Status ApiServer::open_admin_socket() {
  auto listener = RpcListener::create(context_.host, "unix:" + context_.config->socket_path,
                                      kAdminOptions, nullptr);
  if (!listener) return listener.status().prefixed("cannot open the admin socket");
  admin_ = std::move(*listener);
  return register_methods(*admin_, true);
}

Result<std::unique_ptr<RpcListener>> ApiServer::open_tcp() {
  std::string address = context_.config->bind_address;
  if (address.find(':') != std::string::npos && address.front() != '[') {
    address = "[" + address + "]";  // IPv6
  }
  auto listener = RpcListener::create(
      context_.host, "tcp:" + address + ":" + std::to_string(context_.config->bind_port),
      kTcpOptions, acceptor_.get());
  if (!listener) return listener.status().prefixed("cannot open the API's address");
  SIGNET_RETURN_IF_ERROR(register_methods(**listener, false));
  return std::move(*listener);
}

Status ApiServer::register_methods(RpcListener& listener, bool local) {
  listener.authorize([this, local](ServerCall& call) { return authorize(call, local); });
  for (const MethodRegistry::Method& method : methods_.methods()) {
    if (method.rule->admin_socket_only && !local) continue;
    SIGNET_RETURN_IF_ERROR(listener.handle(
        std::string(method.rule->method),
        [this, &method](const std::shared_ptr<ServerCall>& call, std::string_view first) {
          dispatch(method, call, first);
        },
        method.rpc_flags | (local && method.never_blocks ? SIGNET_RPC_INLINE : 0)));
  }
  return {};
}

Status ApiServer::authorize(ServerCall& call, bool local) const {
  const RpcPeer& peer = call.peer();
  auto caller = std::make_shared<Caller>();
  caller->local = local;
  if (local) {
    caller->pid = peer.pid;
    caller->uid = peer.uid;
    caller->gid = peer.gid;
    if (context_.config->audit_log_enabled) caller->path = executable_of(peer.pid);
  } else {
    caller->address = view(peer.address);
    if (peer.user != nullptr) caller->identity = *static_cast<TlsAcceptor::Holder*>(peer.user);
  }
  const MethodRule* rule = find_method(call.method());
  if (rule == nullptr) return Status::unimplemented("unknown method " + call.method());
  Status status = authorizer_.authorize(*rule, *caller);
  if (!status.ok()) {
    CallContext(context_, call.shared_from_this(), caller, *rule).close(status);
    return status;
  }
  call.attachment = std::move(caller);
  return {};
}

// Our agents that are told of a change ask for its SVIDs at once: many of them behind one address
// must not wait for one another.
std::string_view ApiServer::limited_as(const MethodRule& rule, const Caller& caller) {
  const bool is_agent = rule.limit == Limit::kCsr && caller.agent && caller.identity;
  return is_agent ? std::string_view(caller.identity->spiffe_id.to_string()) : caller.ip();
}

bool ApiServer::limited(const MethodRule& rule, const Caller& caller) const {
  return !caller.local && limit_enabled(*context_.config, rule.limit);
}

Result<std::int64_t> ApiServer::reserve(const MethodRule& rule, const Caller& caller,
                                        std::string_view who, std::uint32_t cost,
                                        const ServerCall& call) {
  if (!limited(rule, caller)) return std::int64_t{0};
  auto wait =
      limiter_.take(rule.limit, who, cost, context_.host.monotonic_ns(), call.deadline_ns());
  if (wait) return wait;
  count_limited(context_.host, rule.method, wait.status().code(), 0);
  std::string text = "rejecting request due to ";
  text.append(rule.limit_name);
  if (!rule.limit_name.ends_with("limit")) text.append(" rate limiting");
  return wait.status().prefixed(text);
}

void ApiServer::dispatch(const MethodRegistry::Method& method,
                         const std::shared_ptr<ServerCall>& call, std::string_view first) {
  auto caller = std::static_pointer_cast<Caller>(std::move(call->attachment));
  auto context = std::make_shared<CallContext>(context_, call, caller, *method.rule);
  if (caller->unconfirmed) {
    const Status confirmed = authorizer_.confirm(*method.rule, *caller);
    if (!confirmed.ok()) return context->finish(confirmed);
  }
  if (caller->promote) {
    // The first call with a renewed SVID retires the one before.
    const Status promoted =
        context_.agents->promote(caller->identity->spiffe_id.to_string(), caller->identity->serial);
    if (promoted.code() == Code::kUnavailable && context_.changes->trusted()) {
      // The SVID is this agent's whether that is on record or not; a later call retires the other.
      context_.host.log_status(LogLevel::kDebug, "The agent's renewed SVID is not on record yet",
                               promoted);
    } else if (!promoted.ok()) {
      return context->finish(
          store_error(context_.host, "unable to look up agent information", promoted));
    }
  }
  if (caller->agent) AgentRecords::saw(*caller->agent, context_.host.monotonic_ns());
  std::unique_ptr<UnaryTask> task;
  std::uint32_t cost = 1;
  if (method.parse) {
    task = method.parse(first);
    if (!task) return context->finish(Status::internal("grpc: error unmarshalling request"));
    cost = task->cost();
  }
  const std::string_view who = limited_as(*method.rule, *caller);
  const auto wait = reserve(*method.rule, *caller, who, cost, *call);
  if (!wait) return context->finish(wait.status());
  if (*wait == 0) {
    if (limited(*method.rule, *caller))
      count_limited(context_.host, method.rule->method, Code::kOk, 0);
    return run(method, context, std::move(task), first);
  }
  wait_for_turn(method, context, std::move(task), first, {std::string(who), cost, *wait});
}

void ApiServer::wait_for_turn(const MethodRegistry::Method& method,
                              const std::shared_ptr<CallContext>& context,
                              std::unique_ptr<UnaryTask> task, std::string_view first,
                              Reserved reserved) {
  const std::size_t size = first.size();
  if (waiting_bytes_.fetch_add(size) + size > kMaxWaitingBytes) {
    waiting_bytes_ -= size;
    count_limited(context_.host, method.rule->method, Code::kResourceExhausted, 0);
    return context->finish(Status::resource_exhausted("too many requests wait for their turn"));
  }
  // The call's end and its turn may come at once: the mutex is held while it runs, so that
  // whatever a stream sets in its call is set before that ends.
  struct Turn {
    std::mutex mutex;
    bool over = false;
    std::uint64_t number = 0;
  };
  auto turn = std::make_shared<Turn>();
  auto held = std::make_shared<std::unique_ptr<UnaryTask>>(std::move(task));
  const std::int64_t began = context_.host.monotonic_ns();
  const auto delayed =
      delayed_.run_after(reserved.wait_ns, [this, &method, context, turn, held, size, began,
                                            bytes = std::string(held->get() ? "" : first)] {
        const std::lock_guard lock(turn->mutex);
        if (std::exchange(turn->over, true)) return;
        waiting_bytes_ -= size;
        count_limited(context_.host, method.rule->method, Code::kOk,
                      context_.host.monotonic_ns() - began);
        run(method, context, std::move(*held), bytes);
      });
  if (!delayed) {
    waiting_bytes_ -= size;
    return context->finish(delayed.status());
  }
  turn->number = *delayed;
  context->call().on_done = [this, turn, rule = method.rule, size, began,
                             reserved = std::move(reserved)] {
    {
      const std::lock_guard lock(turn->mutex);
      if (std::exchange(turn->over, true)) return;
    }
    waiting_bytes_ -= size;
    const std::int64_t now = context_.host.monotonic_ns();
    count_limited(context_.host, rule->method, Code::kCancelled, now - began);
    limiter_.give_back(rule->limit, reserved.who, reserved.cost, now);
    delayed_.drop(turn->number);
  };
}

void ApiServer::run(const MethodRegistry::Method& method,
                    const std::shared_ptr<CallContext>& context, std::unique_ptr<UnaryTask> task,
                    std::string_view first) {
  if (!task) return method.stream(context, first);
  Result<Blob> answer = Status::internal("internal error");
  try {
    answer = task->run(*context);
  } catch (const std::exception& e) {
    context_.host.error("Method threw", {{"method", method.rule->method}, {"error", e.what()}});
  }
  if (!answer) return context->finish(answer.status());
  context->close(Status());
  context->call().finish_with(std::move(*answer));
}

void ApiServer::identity_changed() {
  if (const auto tcp = network()) tcp->identity_changed();
}

void ApiServer::disconnect(const std::string& spiffe_id) {
  if (const auto tcp = network()) tcp->disconnect(spiffe_id);
}

void ApiServer::stop(std::chrono::nanoseconds drain) {
  stop_network(drain);
  if (admin_) (void)admin_->close(drain);
  delayed_.stop();
}

}  // namespace signet::server
