#include "acceptor_call.h"

#include <future>
#include <utility>

namespace signet::rpc_grpc {
namespace {

// A call that deletes itself when it is complete.
class OwnCall {
 public:
  using OnEmit = std::function<void(uint32_t kind, const void* msg)>;
  using OnDone = std::function<void(Status)>;

  OwnCall(int64_t deadline_ns, OnEmit on_emit, OnDone on_done)
      : abi_{sizeof(signet_call), 0, &kOps, deadline_ns, {nullptr, 0}, this},
        on_emit_(std::move(on_emit)),
        on_done_(std::move(on_done)) {}
  signet_call* abi() { return &abi_; }
  /// With what the function returned.
  void returned(signet_status code) {
    if (code != SIGNET_PENDING) end(code);
  }

 private:
  static OwnCall* of(signet_call* call) { return static_cast<OwnCall*>(call->impl); }
  void end(signet_status code) {
    const std::unique_ptr<OwnCall> self(this);
    on_done_(code == SIGNET_OK ? Status() : Status(static_cast<Code>(code), std::move(message_)));
  }

  static const signet_call_ops kOps;
  signet_call abi_;
  OnEmit on_emit_;
  OnDone on_done_;
  std::string message_;
};

const signet_call_ops OwnCall::kOps = {
    sizeof(signet_call_ops),
    0,
    [](const signet_call*) { return 0u; },
    [](signet_call*, void (*)(void*), void*) -> signet_status { return SIGNET_OK; },
    [](signet_call* call, uint32_t kind, const void* msg, size_t) -> signet_status {
      of(call)->on_emit_(kind, msg);
      return SIGNET_OK;
    },
    [](signet_call* call, signet_status code, signet_str message) -> signet_status {
      of(call)->message_ = view(message).substr(0, 4096);
      return code;
    },
    [](signet_call* call, signet_status code) { of(call)->end(code); }};

}  // namespace

void ask_identity(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self,
                  int64_t deadline_ns, std::function<void(Result<Identity>)> done) {
  auto identity = std::make_shared<Identity>();
  const auto* secrets = owner.host.service<signet_host_secret>(SIGNET_HOST_SECRET);
  auto* call = new OwnCall(
      deadline_ns,
      [identity, secrets](uint32_t kind, const void* msg) {
        if (kind != SIGNET_RPC_KIND_IDENTITY) return;
        const auto& m = *static_cast<const signet_rpc_identity*>(msg);
        identity->chain.clear();
        for (size_t i = 0; i < m.chain_len; ++i) identity->chain.emplace_back(view(m.chain[i]));
        if (m.key && secrets) {
          secrets->ref(m.key);
          identity->key = Secret(secrets, m.key);
        }
        identity->key_manager = view(m.key_manager);
        identity->key_id = view(m.key_id);
      },
      [identity, done = std::move(done)](Status status) {
        if (status.ok() && identity->chain.empty())
          status = Status::internal("the identity has no certificate");
        if (status.ok()) {
          done(std::move(*identity));
        } else {
          done(std::move(status));
        }
      });
  call->returned(acceptor.identity(self, call->abi()));
}

void ask_verdict(const Owner&, const signet_rpc_acceptor& acceptor, void* self,
                 const signet_rpc_peer& peer, int64_t deadline_ns,
                 std::function<void(Result<Verdict>)> done) {
  auto verdict = std::make_shared<Verdict>();
  auto* call = new OwnCall(
      deadline_ns,
      [verdict](uint32_t kind, const void* msg) {
        if (kind != SIGNET_RPC_KIND_PEER_ID) return;
        const auto& m = *static_cast<const signet_rpc_peer_id*>(msg);
        verdict->id = view(m.id);
        verdict->user = m.user;
      },
      [verdict, done = std::move(done)](Status status) {
        if (status.ok()) {
          done(std::move(*verdict));
        } else {
          done(std::move(status));
        }
      });
  call->returned(acceptor.verify(self, call->abi(), &peer));
}

Result<Identity> ask_identity_now(const Owner& owner, const signet_rpc_acceptor& acceptor,
                                  void* self, int64_t deadline_ns) {
  auto answer = std::make_shared<std::promise<Result<Identity>>>();
  std::future<Result<Identity>> future = answer->get_future();
  ask_identity(owner, acceptor, self, deadline_ns,
               [answer](Result<Identity> identity) { answer->set_value(std::move(identity)); });
  return future.get();
}

Result<Verdict> ask_verdict_now(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self,
                                const signet_rpc_peer& peer, int64_t deadline_ns) {
  auto answer = std::make_shared<std::promise<Result<Verdict>>>();
  std::future<Result<Verdict>> future = answer->get_future();
  ask_verdict(owner, acceptor, self, peer, deadline_ns,
              [answer](Result<Verdict> verdict) { answer->set_value(std::move(verdict)); });
  return future.get();
}

}  // namespace signet::rpc_grpc
