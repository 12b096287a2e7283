#include "authorizer.h"

#include <algorithm>

#include "agent_records.h"
#include "change_follower.h"
#include "entry_store.h"
#include "spire/api/types/status.pb.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

using Reason = spire::api::types::PermissionDeniedDetails;

constexpr std::int64_t kMinute = 60'000'000'000;
constexpr std::size_t kMaxWarnedDomains = 1024;

Status denied(const MethodRule& rule) {
  return Status::permission_denied("authorization denied for method " + std::string(rule.method));
}

// The agent's reaction depends on the reason: attest again, or stop for good.
Status agent_denied(Reason::Reason reason) {
  Reason details;
  details.set_reason(reason);
  return Status::permission_denied("agent is not allowed")
      .with_detail({"type.googleapis.com/spire.api.types.PermissionDeniedDetails",
                    details.SerializeAsString()})
      .with("reason", Reason::Reason_Name(reason));
}

}  // namespace

Authorizer::Authorizer(ServiceContext& context) : context_(context) {}

bool Authorizer::admin_by_config(const SpiffeId& id) const {
  const auto& ids = context_.config->admin_ids;
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void Authorizer::warn_no_bundle(std::string_view trust_domain) {
  const std::int64_t now = context_.host.monotonic_ns();
  {
    std::lock_guard lock(mutex_);
    if (warned_ns_.size() > kMaxWarnedDomains) warned_ns_.clear();  // a peer chooses the names
    const auto [at, is_new] = warned_ns_.try_emplace(std::string(trust_domain), now);
    if (!is_new) {
      if (now - at->second < kMinute) return;
      at->second = now;
    }
  }
  context_.host.warn("No bundle for the trust domain of a caller",
                     {{"trust_domain_id", trust_domain}});
}

Result<std::shared_ptr<const PeerIdentity>> Authorizer::verify_peer(const RpcPeer& peer) {
  if (peer.chain_len == 0) return std::shared_ptr<const PeerIdentity>();
  if (peer.chain_len > x509::kMaxChainLength) {
    return Status::invalid_argument("client certificate chain is too long");
  }
  std::vector<x509::Certificate> chain;
  for (std::size_t i = 0; i < peer.chain_len; ++i) {
    SIGNET_TRY(x509::Certificate certificate,
               x509::Certificate::parse({peer.chain[i].ptr, peer.chain[i].len}));
    chain.push_back(std::move(certificate));
  }
  SIGNET_TRY(const SpiffeId id, chain.front().spiffe_id());
  if (!id.member_of(context_.trust_domain()) && !admin_by_config(id)) {
    return Status::permission_denied(
               "client certificate's SPIFFE ID is neither of this trust "
               "domain nor one of admin_ids")
        .with("spiffe_id", id.to_string());
  }
  const BundlePtr bundle = context_.bundles->find(id.trust_domain_name());
  if (!bundle) {
    warn_no_bundle(id.trust_domain_name());
    return Status::permission_denied("no bundle for the client's trust domain");
  }
  const auto verified = x509::verify_svid(chain, id.trust_domain(), bundle->roots,
                                          {.now = x509::from_unix(context_.host.unix_seconds())});
  if (!verified) return verified.status();
  return std::make_shared<const PeerIdentity>(
      PeerIdentity{verified->spiffe_id, chain.front().serial_decimal(),
                   x509::to_unix(chain.front().not_after())});
}

// Where a decision finds the records: in memory, or in the datastore.
class Authorizer::Memory {
 public:
  explicit Memory(const ServiceContext& context) : context_(context) {}
  Result<EntryDirectory::Privileges> privileges(const std::string& id) const {
    return context_.entries->privileges(id);
  }
  Result<AgentPtr> agent(const std::string& id) const { return context_.agents->find(id); }

 private:
  const ServiceContext& context_;
};

class Authorizer::Stored {
 public:
  explicit Stored(const ServiceContext& context) : context_(context) {}
  Result<EntryDirectory::Privileges> privileges(const std::string& id) const {
    SIGNET_TRY(auto tx, context_.datastore->read(context_.changes->question_deadline()));
    return stored_privileges(tx, id, context_.host.unix_seconds());
  }
  Result<AgentPtr> agent(const std::string& id) const { return context_.agents->stored(id); }

 private:
  const ServiceContext& context_;
};

Status Authorizer::authorize(const MethodRule& rule, Caller& caller) const {
  bool looked = false;
  Status status = decide(Memory(context_), rule, caller, looked);
  if (!looked || (status.ok() && context_.changes->live())) return status;
  caller = caller.unknown();
  caller.unconfirmed = true;
  return {};
}

Status Authorizer::confirm(const MethodRule& rule, Caller& caller) const {
  bool looked = false;
  if (context_.changes->reachable()) {
    Status status = decide(Stored(context_), rule, caller, looked);
    if (!ChangeFollower::is_away(status)) return status;
  }
  if (!context_.changes->trusted()) return context_.changes->out_of_date();
  Status status = decide(Memory(context_), rule, caller, looked);
  if (status.ok()) return status;
  // A ban that memory knows is none the less one; else memory may have missed what allows the call.
  const AgentPtr agent = context_.agents->find(caller.identity->spiffe_id.to_string());
  if (agent && agent->banned()) return status;
  return Status::unavailable("the datastore is away, and this server does not know the caller");
}

template <typename Records>
Status Authorizer::decide(const Records& records, const MethodRule& rule, Caller& caller,
                          bool& looked) const {
  if ((rule.callers & kAny) != 0) {
    caller.authorized_as = kAny;
    return {};
  }
  if (caller.local) {
    // A local caller is never anything else: what the admin socket may not do, nobody on it may.
    if ((rule.callers & kLocal) == 0) return denied(rule);
    caller.authorized_as = kLocal;
    caller.authorized_via = "transport";
    return {};
  }
  if (!caller.identity) return denied(rule);
  const SpiffeId& id = caller.identity->spiffe_id;
  if ((rule.callers & kAdmin) != 0 && admin_by_config(id)) {
    caller.authorized_as = kAdmin;
    caller.authorized_via = "config";
    return {};
  }
  if ((rule.callers & (kAdmin | kDownstream)) != 0) {
    looked = true;
    SIGNET_TRY(EntryDirectory::Privileges privileges, records.privileges(id.to_string()));
    if ((rule.callers & kAdmin) != 0 && privileges.admin) {
      caller.authorized_as = kAdmin;
      caller.authorized_via = "entries";
      return {};
    }
    if ((rule.callers & kDownstream) != 0 && privileges.downstream) {
      caller.authorized_as = kDownstream;
      caller.authorized_via = "entries";
      caller.downstream_entry = std::move(privileges.downstream);
      return {};
    }
  }
  if ((rule.callers & kAgent) != 0) {
    const bool expired = context_.host.unix_seconds() > caller.identity->not_after;
    looked = looked || !expired;
    Status agent = expired ? agent_denied(Reason::AGENT_EXPIRED)
                           : check_agent(records.agent(id.to_string()), caller);
    if (agent.ok() || agent.code() != Code::kPermissionDenied) return agent;
    // The words say only what was called; the reason travels as the detail.
    Status status = denied(rule);
    if (agent.detail() != nullptr) status = std::move(status).with_detail(*agent.detail());
    for (const auto& [key, value] : agent.fields()) status = std::move(status).with(key, value);
    return status;
  }
  return denied(rule);
}

Status Authorizer::check_agent(const Result<AgentPtr>& record, Caller& caller) const {
  if (!record) {
    if (ChangeFollower::is_away(record.status())) return record.status();
    return Status::internal("unable to look up agent information: " + record.status().message());
  }
  const PeerIdentity& peer = *caller.identity;
  AgentPtr agent = *record;
  if (!agent) return agent_denied(Reason::AGENT_NOT_ATTESTED);
  if (agent->banned()) return agent_denied(Reason::AGENT_BANNED);
  if (agent->body.serial_number() != peer.serial) {
    if (agent->body.new_serial_number() != peer.serial) {
      return agent_denied(Reason::AGENT_NOT_ACTIVE);
    }
    caller.promote = true;
  }
  caller.authorized_as = kAgent;
  caller.authorized_via = "datastore";
  caller.agent = std::move(agent);
  return {};
}

}  // namespace signet::server
