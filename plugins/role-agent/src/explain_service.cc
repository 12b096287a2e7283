#include "explain_service.h"

#include <algorithm>
#include <set>

#include "signet/utf8.h"

#include "caller_process.h"
#include "explain/analyse.h"
#include "refusals.h"
#include "verdict.h"
#include "wire.h"

namespace signet::agent {
namespace {

namespace api = ::signet::explain::v1;
using explain::AgentFacts;
using explain::EntryFacts;
using explain::Facts;
using explain::ServerFacts;

constexpr char kExplain[] = "/signet.explain.v1.AgentExplain/ExplainWorkload";
// Whoever asks has an answer within a second, whatever became of the attestors and the server.
constexpr std::chrono::milliseconds kAttestorsTime{450};
constexpr std::chrono::milliseconds kMostAttestorsTime{60'000};  // that can be asked for
constexpr std::chrono::milliseconds kServerTime{800};
constexpr std::chrono::milliseconds kServerTimeLeft{400};  // when attestors took their time
constexpr std::chrono::milliseconds kFirstTry{300};        // of it, on the connection that there is
constexpr std::size_t kBundles = 10;                       // that the server is asked about

EntryFacts facts_of(const Identity& identity, std::int64_t now) {
  const Entry& entry = *identity.entry;
  EntryFacts out;
  out.id = entry.id;
  out.spiffe_id = entry.spiffe_id.to_string();
  out.selectors = entry.selectors;
  out.federates_with = entry.federates_with;
  out.expires_at = entry.expires_at;
  out.at_agent = true;
  // None yet is no fault: it is made when the workload asks.
  out.svid_expired = identity.svid != nullptr && identity.svid->not_after <= now;
  return out;
}

EntryFacts facts_of(const api::KnownEntry& known) {
  EntryFacts out;
  out.id = known.id();
  out.spiffe_id = known.spiffe_id();
  out.parent_id = known.parent_id();
  for (const auto& s : known.selectors()) out.selectors.push_back({s.type(), s.value()});
  normalise(out.selectors);
  out.federates_with.assign(known.federates_with().begin(), known.federates_with().end());
  out.expires_at = known.expires_at();
  out.expired = known.expired();
  out.stored = known.store_svid();
  return out;
}

}  // namespace

Status ExplainService::register_methods(RpcListener& listener) {
  return listener.stream<api::ExplainWorkloadRequest>(
      kExplain,
      [this](const std::shared_ptr<ServerCall>& call, const api::ExplainWorkloadRequest& request) {
        const auto tell = [this, call, request] {
          if (call->over()) return;
          const auto answer = explain(request);
          if (!answer) return call->finish(answer.status());
          call->finish_with(host_.blob_of(*answer));
        };
        if (!explanations_.run(tell).ok()) call->finish(overloaded());
      },
      SIGNET_RPC_INLINE);
}

Result<api::Explanation> ExplainService::explain(const api::ExplainWorkloadRequest& request) {
  if ((request.pid() != 0) == !request.selectors().empty())
    return Status::invalid_argument("either a process or selectors can be explained");
  if (request.attestors_ms() < 0 || request.attestors_ms() > kMostAttestorsTime.count())
    return Status::invalid_argument("attestors are waited for between 1 ms and " +
                                    std::to_string(kMostAttestorsTime.count()) + " ms");
  Facts facts;
  std::chrono::milliseconds server_time = kServerTime;
  if (request.pid() != 0) {
    const std::chrono::milliseconds wanted(request.attestors_ms());
    const std::int64_t began = host_.monotonic_ns();
    SIGNET_RETURN_IF_ERROR(
        attest(request.pid(), wanted.count() == 0 ? kAttestorsTime : wanted, facts));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::nanoseconds(host_.monotonic_ns() - began));
    server_time = std::max(kServerTime - took, kServerTimeLeft);
  } else {
    SelectorSet selectors;
    for (const auto& s : request.selectors()) {
      Selector selector{s.type(), s.value()};
      SIGNET_RETURN_IF_ERROR(selector.check());
      selectors.push_back(std::move(selector));
    }
    normalise(selectors);
    facts.asked = "the caller";
    facts.selectors = std::move(selectors);
  }
  add_agent(facts);
  if (facts.selectors) {
    add_own(facts);
    const std::int64_t deadline_ns = host_.deadline_in(server_time);
    ask(deadline_ns, server_time, facts);
    add_bundles(deadline_ns, facts);
  } else {
    facts.server.answer = ServerFacts::Answer::kNotAsked;
  }
  return explain::analyse(facts, redacted_);
}

Status ExplainService::attest(std::int32_t pid, std::chrono::milliseconds patience, Facts& facts) {
  if (pid < 0) return Status::invalid_argument("no process has a negative ID");
  facts.asked = "process " + std::to_string(pid);
  const auto caller = CallerProcess::open(pid);
  if (!caller) {
    facts.process_gone = true;
    return {};
  }
  facts.selectors.emplace();
  facts.attestors.emplace();
  for (AttestorReport& report : attestor_.examine(*caller, host_.deadline_in(patience))) {
    for (const std::string& value : report.values) facts.selectors->push_back({report.name, value});
    facts.attestors->push_back({std::move(report.name), report.took, report.status,
                                std::move(report.values), report.answered});
  }
  if (!(*caller)->alive()) {  // attestors fail then, and not for a reason of theirs
    facts.process_gone = true;
    facts.selectors.reset();
    facts.attestors.reset();
    return {};
  }
  normalise(*facts.selectors);
  return {};
}

void ExplainService::add_agent(Facts& facts) const {
  const AgentStanding standing = standing_();
  AgentFacts& agent = facts.agent;
  agent.time_ns = host_.wall_ns();
  agent.revision = standing.revision;
  agent.synced = standing.synced;
  agent.clock_off = standing.clock_off;
  const AgentSvidPtr svid = identity_.current();
  if (svid) {
    if (const auto id = svid->chain.front().spiffe_id()) agent.id = id->to_string();
  }
  if (standing.banned) {
    agent.state = AgentFacts::State::kBanned;
  } else if (!svid) {
    agent.state = AgentFacts::State::kNotAttested;
    agent.why = standing.why;
  } else if (svid->not_after() <= host_.unix_seconds()) {
    agent.state = AgentFacts::State::kNotAttested;
    agent.why = "its SVID has expired by its clock, and was not renewed";
  } else {
    agent.state = AgentFacts::State::kAttested;
    if (!agent.synced) agent.why = standing.why;
  }
}

// The nearest of the agent's entries. They are looked at without the store's lock.
void ExplainService::add_own(Facts& facts) const {
  const explain::Caller caller(*facts.selectors);
  explain::Nearest<const Identity*> nearest(explain::kConsidered);
  const std::vector<Identity> all = store_.identities();
  for (const Identity& identity : all)
    nearest.offer(caller.rank(identity.entry->selectors), identity.entry->id, &identity);
  for (const auto& near : nearest.take())
    facts.entries.push_back(facts_of(*near.entry, host_.unix_seconds()));
}

void ExplainService::ask(std::int64_t deadline_ns, std::chrono::milliseconds patience,
                         Facts& facts) const {
  if (facts.agent.state != AgentFacts::State::kAttested) {
    facts.server.answer = ServerFacts::Answer::kNotAsked;
    return recall(facts);
  }
  api::AskAboutCallerRequest request;
  for (const Selector& s : *facts.selectors) {
    if (!is_utf8(s.value)) continue;  // which no entry has
    auto* selector = request.add_selectors();
    selector->set_type(s.type);
    selector->set_value(s.value);
  }
  request.set_revision(facts.agent.revision);
  const std::int64_t before = host_.wall_ns();
  const auto answer = ask_server(request, deadline_ns);
  // As it was when the server looked at its clock.
  facts.agent.time_ns = before + (host_.wall_ns() - before) / 2;
  if (answer) return take(*answer, facts);
  take_failure(answer.status(), patience, facts);
  recall(facts);
}

// A connection that was lost without a word keeps silent; the client drops it then, and takes
// another one for the second question. One that came too early for the server's limit waits its
// turn in the second.
Result<api::AskAboutCallerResponse> ExplainService::ask_server(
    const api::AskAboutCallerRequest& request, std::int64_t deadline_ns) const {
  auto answer =
      server_.ask_about_caller(request, std::min(deadline_ns, host_.deadline_in(kFirstTry)));
  const Code code = answer.status().code();
  if (code != Code::kDeadlineExceeded && code != Code::kResourceExhausted) return answer;
  return server_.ask_about_caller(request, deadline_ns);
}

void ExplainService::take_failure(const Status& why, std::chrono::milliseconds patience,
                                  Facts& facts) const {
  ServerFacts& server = facts.server;
  switch (verdict_of(why)) {
    case Verdict::kBanned:
      facts.agent.state = AgentFacts::State::kBanned;
      server.answer = ServerFacts::Answer::kNotAsked;
      return;
    case Verdict::kReattest:
      facts.agent.state = AgentFacts::State::kNotAttested;
      facts.agent.why =
          "the server knows its SVID no longer (the agent was evicted, or attested anew)";
      server.answer = ServerFacts::Answer::kNotAsked;
      return;
    case Verdict::kNone:
      break;
  }
  const AgentStanding standing = standing_();
  switch (why.code()) {
    case Code::kUnimplemented:
      server.answer = ServerFacts::Answer::kForeign;
      facts.notes.emplace_back(
          "the server does not explain (it is not Signet's, or older): whether an entry has "
          "expired, is below another parent or was not told yet is not known here");
      return;
    case Code::kResourceExhausted:
      server.answer = ServerFacts::Answer::kNotAsked;
      facts.notes.emplace_back("the server was asked too often; ask again in a second");
      return;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
      server.answer = ServerFacts::Answer::kAway;
      server.why = why.code() == Code::kDeadlineExceeded
                       ? "no answer within " + std::to_string(patience.count()) + " ms"
                       : why.message();
      if (standing.heard_ns != 0)
        server.heard = std::chrono::nanoseconds(host_.monotonic_ns() - standing.heard_ns);
      facts.agent.clock_off = standing.clock_off;  // the question may have found it out
      return;
    default:  // it is there
      server.answer = ServerFacts::Answer::kNotAsked;
      facts.notes.emplace_back("the server did not say what it knows: " + why.message());
  }
}

// From a server that says nothing now: how the clocks stood.
void ExplainService::recall(Facts& facts) const {
  const auto clock = standing_().clock;
  if (!clock) return;
  facts.server.time_ns = facts.agent.time_ns - clock->ahead.count();
  facts.server.time_age = clock->age;
}

void ExplainService::take(const api::AskAboutCallerResponse& answer, Facts& facts) const {
  facts.server.revision = answer.revision();
  facts.server.time_ns = answer.time_ns();
  facts.elsewhere = answer.elsewhere();
  if (answer.elsewhere_unknown())
    facts.notes.emplace_back(
        "whether an entry matches below another parent is not known: the "
        "server's datastore did not answer");
  for (const api::KnownEntry& known : answer.entries()) {
    const IdentityStore::Known here = store_.known(known.id());
    EntryFacts entry = facts_of(known);
    entry.at_agent = here.is && here.revision_number == known.revision_number();
    const auto own = std::find_if(facts.entries.begin(), facts.entries.end(),
                                  [&](const EntryFacts& e) { return e.id == entry.id; });
    if (own == facts.entries.end()) {
      facts.entries.insert(facts.entries.begin(), std::move(entry));
    } else {
      entry.svid_expired = own->svid_expired;
      *own = std::move(entry);
    }
  }
}

void ExplainService::add_bundles(std::int64_t deadline_ns, Facts& facts) const {
  for (const EntryFacts& entry : facts.entries) {
    for (const std::string& name : entry.federates_with) {
      if (!store_.bundle(name)) facts.missing_at_agent.insert(name);
    }
  }
  if (facts.server.answer != ServerFacts::Answer::kFull &&
      facts.server.answer != ServerFacts::Answer::kForeign) {
    return;
  }
  std::set<std::string> asked;  // those of the nearest entries
  for (const EntryFacts& entry : facts.entries) {
    for (const std::string& name : entry.federates_with) {
      if (!facts.missing_at_agent.contains(name) || !asked.insert(name).second) continue;
      if (asked.size() > kBundles) return;
      const auto bundle = server_.federated_bundle(name, deadline_ns);
      if (bundle.status().code() == Code::kNotFound) facts.missing_at_server.insert(name);
    }
  }
}

}  // namespace signet::agent
