#include "explain_facts.h"

#include <algorithm>

#include "agent_records.h"
#include "api_id.h"
#include "change_follower.h"
#include "entry_record.h"
#include "entry_store.h"
#include "explain/analyse.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

using explain::AgentFacts;
using explain::EntryFacts;
using explain::Facts;

constexpr std::string_view kServerPath = "/spire/server";
constexpr std::string_view kAgentPaths = "/spire/agent/";
constexpr int kMaxSelectors = 256;             // of a caller
constexpr std::uint32_t kSameId = 100;         // entries with the SPIFFE ID that is asked for
constexpr std::uint32_t kOfOneSelector = 100;  // entries that have one selector, of each
constexpr std::uint32_t kMatches = 100;        // entries that match
constexpr std::uint32_t kAgents = 10;          // that answer to one alias

template <typename Selectors>
Result<SelectorSet> selectors_of(const Selectors& wire) {
  if (wire.size() > kMaxSelectors) return Status::invalid_argument("too many selectors");
  SelectorSet out;
  for (const auto& s : wire) {
    Selector selector{s.type(), s.value()};
    SIGNET_RETURN_IF_ERROR(selector.check());
    out.push_back(std::move(selector));
  }
  normalise(out);
  return out;
}

SelectorSet selectors_of(const spire::api::types::Entry& entry) {
  SelectorSet out;
  for (const auto& s : entry.selectors()) out.push_back({s.type(), s.value()});
  normalise(out);
  return out;
}

Query query_of(std::string_view kind, std::uint32_t limit) {
  Query query;
  query.kind = kind;
  query.limit = limit;
  return query;
}

}  // namespace

Result<std::vector<ExplainFacts::Entry>> ExplainFacts::query(const Query& query) const {
  SIGNET_TRY(auto tx, context_.datastore->read(context_.changes->question_deadline()));
  SIGNET_TRY(const std::vector<Record> records, tx.query(query));
  std::vector<Entry> out;
  for (const Record& record : records) {
    if (auto entry = entry_from_record(record)) out.push_back(std::move(*entry));
  }
  return out;
}

// ---- for operators

Result<Facts> ExplainFacts::gather(const explain::v1::ExplainEntryRequest& request) const {
  Facts facts;
  facts.asked = "the caller";
  if (!request.selectors().empty()) {
    SIGNET_TRY(facts.selectors, selectors_of(request.selectors()));
  }
  facts.named = !request.entry_id().empty() || !request.spiffe_id().empty();
  if (!facts.named && !facts.selectors)
    return Status::invalid_argument("an entry ID, a SPIFFE ID or selectors are needed");
  if (!request.agent_id().empty()) {
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(request.agent_id()));
    SIGNET_RETURN_IF_ERROR(check_agent(context_.trust_domain(), id));
    facts.agent = agent_facts(id.to_string(), context_.agents->find(id.to_string()));
  }
  SIGNET_TRY(const std::vector<Entry> entries, meant(request));
  std::vector<AgentFacts> agents;
  for (const Entry& entry : entries) {
    AgentFacts& agent = agents.emplace_back(facts.agent);
    SIGNET_TRY(EntryFacts placed, place(entry, request.agent_id(), agent));
    for (const std::string& name : placed.federates_with) {
      if (!context_.bundles->find(name)) facts.missing_at_server.insert(name);
    }
    facts.entries.push_back(std::move(placed));
  }
  // Where none is meant: one that is well, if any is.
  const auto well = std::find_if(agents.begin(), agents.end(), [](const AgentFacts& agent) {
    return agent.state == AgentFacts::State::kAttested;
  });
  if (request.agent_id().empty() && !agents.empty())
    facts.agent = well == agents.end() ? agents.front() : *well;
  facts.server.revision = context_.changes->reached();
  facts.server.time_ns = context_.host.wall_ns();
  if (!facts.selectors)
    facts.notes.emplace_back(
        "the workload's selectors are not known here: give them with -selector, or ask "
        "its agent: signet agent explain -pid N");
  return facts;
}

Result<std::vector<ExplainFacts::Entry>> ExplainFacts::meant(
    const explain::v1::ExplainEntryRequest& request) const {
  if (!request.entry_id().empty()) {
    std::vector<Entry> out;
    if (const IndexedPtr entry = context_.entry_store->index().find(request.entry_id()))
      out.push_back(entry->message());
    return out;
  }
  if (!request.spiffe_id().empty()) {
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(request.spiffe_id()));
    Query same = query_of(kEntryKind, kSameId);
    same.where.emplace_back("spiffe_id", id.to_string());
    return query(same);
  }
  SIGNET_TRY(const SelectorSet selectors, selectors_of(request.selectors()));
  return near(selectors);
}

// Those that match, and some of those that share a selector, for each of them, since a selector
// that all entries have must not keep the others away.
Result<std::vector<ExplainFacts::Entry>> ExplainFacts::near(const SelectorSet& selectors) const {
  std::vector<Entry> all;
  const auto add = [&](const Query& query) -> Status {
    SIGNET_TRY(std::vector<Entry> found, this->query(query));
    std::move(found.begin(), found.end(), std::back_inserter(all));
    return {};
  };
  Query matches = query_of(kEntryKind, kMatches);
  matches.selector_match = SIGNET_MATCH_SUBSET;
  for (const Selector& s : selectors) matches.where.emplace_back("selector", s.to_string());
  SIGNET_RETURN_IF_ERROR(add(matches));
  for (const Selector& s : selectors) {
    Query sharing = query_of(kEntryKind, kOfOneSelector);
    sharing.selector_match = SIGNET_MATCH_ANY;
    sharing.where.emplace_back("selector", s.to_string());
    SIGNET_RETURN_IF_ERROR(add(sharing));
  }
  const auto by_id = [](const Entry& a, const Entry& b) { return a.id() < b.id(); };
  std::sort(all.begin(), all.end(), by_id);
  const auto same = [](const Entry& a, const Entry& b) { return a.id() == b.id(); };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  std::vector<std::pair<explain::Nearness, std::size_t>> ranked;
  for (std::size_t i = 0; i < all.size(); ++i)
    ranked.emplace_back(explain::nearness(selectors_of(all[i]), selectors), i);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // All that match stay: which of them is given is not known yet.
  const auto matching = static_cast<std::size_t>(std::count_if(
      ranked.begin(), ranked.end(), [](const auto& each) { return each.first.lacks.empty(); }));
  const std::size_t kept = std::max(explain::kNearest, matching);
  if (ranked.size() > kept) ranked.resize(kept);
  std::vector<Entry> out;
  for (const auto& [near, i] : ranked) out.push_back(std::move(all[i]));
  return out;
}

// ---- whose an entry is

AgentFacts ExplainFacts::agent_facts(const std::string& id, const AgentPtr& agent) const {
  AgentFacts facts;
  facts.id = id;
  if (!agent) {
    facts.state = AgentFacts::State::kNotAttested;
    facts.why =
        "this trust domain's servers have no record of it: it never attested, or was evicted";
  } else if (agent->banned()) {
    facts.state = AgentFacts::State::kBanned;
  } else if (expired_at(agent->body.expires_at(), context_.host.unix_seconds())) {
    facts.state = AgentFacts::State::kNotAttested;
    facts.why = "its SVID has expired, and it was not renewed";
  } else {
    facts.state = AgentFacts::State::kAttested;
  }
  return facts;
}

// The agents that are, or answer to, something above the entry; some, where they are many.
Result<ExplainFacts::AgentsAbove> ExplainFacts::agents_above(const Entry& entry) const {
  AgentsAbove out;
  const std::string agents = context_.trust_domain().id_string() + std::string(kAgentPaths);
  const EntryIndex::Above above = context_.entry_store->index().above(entry.id());
  for (const std::string& id : above.ids) {
    if (AgentPtr agent = context_.agents->find(id)) {
      out.known.push_back(std::move(agent));
    } else if (id.starts_with(agents)) {
      out.unknown = id;
    }
  }
  for (const std::vector<std::string>& selectors : above.aliases) {
    Query answering = query_of("agent", kAgents);
    answering.selector_match = SIGNET_MATCH_SUPERSET;
    for (const std::string& selector : selectors)
      answering.where.emplace_back("selector", selector);
    SIGNET_TRY(auto tx, context_.datastore->read(context_.changes->question_deadline()));
    SIGNET_TRY(const std::vector<Record> records, tx.query(answering));
    for (const Record& record : records) {
      if (AgentPtr agent = context_.agents->find(record.id)) out.known.push_back(std::move(agent));
    }
  }
  return out;
}

Result<EntryFacts> ExplainFacts::place(const Entry& entry, const std::string& agent_id,
                                       AgentFacts& agent) const {
  using Place = EntryFacts::Place;
  using Standing = EntryIndex::Standing;
  EntryFacts out;
  out.id = entry.id();
  out.spiffe_id = id_text(entry.spiffe_id());
  out.parent_id = id_text(entry.parent_id());
  out.selectors = selectors_of(entry);
  out.federates_with.assign(entry.federates_with().begin(), entry.federates_with().end());
  out.expires_at = entry.expires_at();
  out.expired = expired_at(entry.expires_at(), context_.host.unix_seconds());
  out.stored = entry.store_svid();
  if (entry.parent_id().path() == kServerPath) {
    out.place = Place::kServer;
    return out;
  }
  SIGNET_TRY(const AgentsAbove above, agents_above(entry));
  if (agent_id.empty()) {
    // Whoever of them is well serves it.
    for (const AgentPtr& each : above.known) {
      if (agent.state != AgentFacts::State::kAttested) agent = agent_facts(each->id, each);
    }
    if (above.known.empty() && !above.unknown.empty()) {
      agent = agent_facts(above.unknown, nullptr);
    } else if (above.known.empty()) {
      out.place = Place::kNobody;
    }
    return out;
  }
  const EntryIndex& index = context_.entry_store->index();
  const IndexedPtr indexed = index.find(entry.id());
  const Standing standing = indexed ? index.standing(agent_id, *indexed) : Standing::kElsewhere;
  if (standing == Standing::kExpired) out.expired = true;
  if (standing != Standing::kElsewhere) return out;
  const bool nobody = above.known.empty() && above.unknown.empty();
  out.place = nobody ? Place::kNobody : Place::kElsewhere;
  // An agent that was evicted took the alias with it that a token had given it.
  if (nobody && !context_.agents->find(agent_id)) out.place = Place::kHere;
  return out;
}

// ---- for agents

Result<explain::v1::AskAboutCallerResponse> ExplainFacts::answer(
    const std::string& agent_id, const explain::v1::AskAboutCallerRequest& request) const {
  SIGNET_TRY(const SelectorSet selectors, selectors_of(request.selectors()));
  explain::v1::AskAboutCallerResponse out;
  out.set_revision(context_.changes->reached());
  struct Ranked {
    explain::Nearness near;
    Entry entry;
    bool expired;
    bool operator<(const Ranked& o) const {
      return near < o.near || (!(o.near < near) && expired < o.expired);
    }
  };
  std::vector<Ranked> nearest;  // a heap, the farthest on top
  for (const auto& own :
       context_.entry_store->index().expired_or_later(agent_id, request.revision())) {
    Entry entry = own.entry->message();
    explain::Nearness near = explain::nearness(selectors_of(entry), selectors);
    if (!near.related()) continue;
    nearest.push_back({std::move(near), std::move(entry), own.expired});
    std::push_heap(nearest.begin(), nearest.end());
    if (nearest.size() <= explain::kNearest) continue;
    std::pop_heap(nearest.begin(), nearest.end());
    nearest.pop_back();
  }
  std::sort_heap(nearest.begin(), nearest.end());
  for (Ranked& each : nearest) {
    explain::v1::KnownEntry& known = *out.add_entries();
    known.set_id(each.entry.id());
    known.set_spiffe_id(id_text(each.entry.spiffe_id()));
    known.set_parent_id(id_text(each.entry.parent_id()));
    known.mutable_selectors()->Swap(each.entry.mutable_selectors());
    known.mutable_federates_with()->Swap(each.entry.mutable_federates_with());
    known.set_expires_at(each.entry.expires_at());
    known.set_revision_number(each.entry.revision_number());
    known.set_store_svid(each.entry.store_svid());
    known.set_expired(each.expired);
  }
  const auto elsewhere = matches_elsewhere(agent_id, selectors);
  out.set_elsewhere(elsewhere && *elsewhere);
  out.set_elsewhere_unknown(!elsewhere);
  out.set_time_ns(context_.host.wall_ns());
  return out;
}

Result<bool> ExplainFacts::matches_elsewhere(const std::string& agent_id,
                                             const SelectorSet& selectors) const {
  if (selectors.empty()) return false;
  Query matches = query_of(kEntryKind, kMatches);
  matches.selector_match = SIGNET_MATCH_SUBSET;
  for (const Selector& s : selectors) matches.where.emplace_back("selector", s.to_string());
  SIGNET_TRY(const std::vector<Entry> found, query(matches));
  const std::int64_t now = context_.host.unix_seconds();
  const EntryIndex& index = context_.entry_store->index();
  return std::any_of(found.begin(), found.end(), [&](const Entry& entry) {
    if (entry.parent_id().path() == kServerPath || entry.store_svid() ||
        expired_at(entry.expires_at(), now)) {
      return false;
    }
    const IndexedPtr indexed = index.find(entry.id());
    return indexed && index.standing(agent_id, *indexed) == EntryIndex::Standing::kElsewhere;
  });
}

}  // namespace signet::server
