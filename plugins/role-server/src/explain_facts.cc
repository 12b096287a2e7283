#include "explain_facts.h"

#include <algorithm>

#include "agent_feeds.h"
#include "agent_records.h"
#include "api_id.h"
#include "change_follower.h"
#include "entry_record.h"
#include "entry_store.h"
#include "entry_wire.h"
#include "explain/analyse.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

using explain::AgentFacts;
using explain::EntryFacts;
using explain::Facts;

constexpr std::string_view kServerPath = "/spire/server";
constexpr std::string_view kAgentPaths = "/spire/agent/";
constexpr int kMaxSelectors = 1024;      // of a caller
constexpr std::uint32_t kSameId = 100;   // entries with the SPIFFE ID that is asked for
constexpr std::uint32_t kMatches = 100;  // entries that match
constexpr std::uint32_t kAgents = 10;    // that answer to one alias

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
  const bool one_agent = !request.agent_id().empty();
  if (one_agent) {
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(request.agent_id()));
    SIGNET_RETURN_IF_ERROR(check_agent(context_.trust_domain(), id));
    facts.agent = agent_facts(id.to_string(), context_.agents->find(id.to_string()));
  }
  SIGNET_TRY(const std::vector<Entry> entries, meant(request));
  std::optional<std::string> not_followed;  // by this agent, here
  for (const Entry& entry : entries) {
    SIGNET_TRY(EntryFacts placed, place(entry, one_agent ? &facts.agent : nullptr));
    for (const std::string& name : placed.federates_with) {
      if (!context_.bundles->find(name)) facts.missing_at_server.insert(name);
    }
    const AgentFacts& agent = placed.agent ? *placed.agent : facts.agent;
    if (placed.place == EntryFacts::Place::kHere && agent.good() && !placed.at_agent)
      not_followed = agent.id;
    facts.entries.push_back(std::move(placed));
  }
  if (not_followed) facts.notes.push_back(not_following(*not_followed));
  facts.server.revision = context_.changes->reached();
  facts.server.time_ns = context_.host.wall_ns();
  if (!facts.selectors && !facts.entries.empty())
    facts.notes.emplace_back(
        "the workload's selectors are not known here: give them with -selector, or ask "
        "its agent: signet agent explain -pid N");
  return facts;
}

std::string ExplainFacts::not_following(const std::string& agent_id) const {
  std::string out =
      "whether the agent has the entry yet is not known here: it takes no changes from this server "
      "(it is at another one, or asks now and then, as SPIRE's agents do)";
  const AgentPtr agent = context_.agents->find(agent_id);
  const std::int64_t seen_ns = agent && agent->presence ? agent->presence->seen_ns.load() : 0;
  if (seen_ns == 0) return out + "; it has not called here yet";
  const std::int64_t ago = (context_.host.monotonic_ns() - seen_ns) / 1'000'000'000;
  return out + "; its last call here was " + std::to_string(ago) + " s ago";
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

std::vector<ExplainFacts::Entry> ExplainFacts::near(const SelectorSet& selectors) const {
  const explain::Caller caller(selectors);
  explain::Nearest<IndexedPtr> nearest(kMatches);
  std::vector<explain::SelectorView> views;
  for (const IndexedPtr& entry : context_.entry_store->index().all()) {
    views.clear();
    if (read_selectors(entry->encoded(), views))
      nearest.offer(caller.rank(views), entry->id(), entry);
  }
  // All that match stay: which of them is given is not known yet.
  std::vector<Entry> out;
  for (const auto& near : nearest.take()) {
    if (out.size() >= explain::kNearest && near.rank.lacks != 0) break;
    out.push_back(near.entry->message());
  }
  return out;
}

// ---- whose an entry is

// Of an agent of this trust domain.
std::string_view ExplainFacts::path_of(std::string_view id) const {
  return id.substr(context_.trust_domain().id_string().size());
}

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
    const auto progress = context_.feeds->progress(path_of(id), {});
    if (progress) {
      facts.revision = progress->revision;
      facts.silent = progress->silent;
    }
  }
  return facts;
}

// The agents that are, or answer to, something above the entry; some, where they are many.
Result<ExplainFacts::AgentsAbove> ExplainFacts::agents_above(std::string_view entry_id) const {
  AgentsAbove out;
  const std::string agents = context_.trust_domain().id_string() + std::string(kAgentPaths);
  const EntryIndex::Above above = context_.entry_store->index().above(entry_id);
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

// Whether the agent has the entry as it is now; nothing: it takes no changes from this server.
std::optional<bool> ExplainFacts::has(const std::string& agent_id,
                                      const IndexedPtr& indexed) const {
  using Lacks = AgentFeeds::Progress::Lacks;
  if (!indexed) return std::nullopt;
  const auto progress = context_.feeds->progress(path_of(agent_id), indexed->id());
  if (!progress) return std::nullopt;
  switch (progress->lacks) {
    case Lacks::kNothing:
      return true;
    case Lacks::kThis:
      return false;
    case Lacks::kMany:
      break;
  }
  return !context_.entry_store->index().is_news(agent_id, *indexed, progress->revision);
}

Result<EntryFacts> ExplainFacts::place(const Entry& entry, const AgentFacts* meant) const {
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
    out.place = EntryFacts::Place::kServer;
    return out;
  }
  const IndexedPtr indexed = context_.entry_store->index().find(entry.id());
  SIGNET_RETURN_IF_ERROR(meant != nullptr ? place_below(*meant, indexed, out)
                                          : place_below_any(indexed, out));
  return out;
}

Status ExplainFacts::place_below(const AgentFacts& meant, const IndexedPtr& indexed,
                                 EntryFacts& out) const {
  using Standing = EntryIndex::Standing;
  const Standing standing =
      indexed ? context_.entry_store->index().standing(meant.id, *indexed) : Standing::kElsewhere;
  if (standing == Standing::kExpired) out.expired = true;
  if (standing == Standing::kBelow) out.at_agent = has(meant.id, indexed);
  if (standing != Standing::kElsewhere) return {};
  SIGNET_TRY(const AgentsAbove above, agents_above(out.id));
  const bool nobody = above.known.empty() && above.unknown.empty();
  out.place = nobody ? EntryFacts::Place::kNobody : EntryFacts::Place::kElsewhere;
  // An agent that was evicted took the alias with it that a token had given it.
  if (nobody && !context_.agents->find(meant.id)) out.place = EntryFacts::Place::kHere;
  return {};
}

// Of the agents that it is below, one that serves it, if any does.
Status ExplainFacts::place_below_any(const IndexedPtr& indexed, EntryFacts& out) const {
  SIGNET_TRY(const AgentsAbove above, agents_above(out.id));
  for (const AgentPtr& each : above.known) {
    if (out.agent && out.agent->good() && out.at_agent != false) break;
    AgentFacts agent = agent_facts(each->id, each);
    const std::optional<bool> there = agent.good() ? has(each->id, indexed) : std::nullopt;
    if (out.agent && out.agent->good() && (!agent.good() || there == false)) continue;
    out.agent = std::move(agent);
    out.at_agent = there;
  }
  if (!out.agent && !above.unknown.empty()) out.agent = agent_facts(above.unknown, nullptr);
  if (!out.agent) out.place = EntryFacts::Place::kNobody;
  return {};
}

// ---- for agents

Result<explain::v1::AskAboutCallerResponse> ExplainFacts::answer(
    const std::string& agent_id, const explain::v1::AskAboutCallerRequest& request) const {
  SIGNET_TRY(const SelectorSet selectors, selectors_of(request.selectors()));
  explain::v1::AskAboutCallerResponse out;
  out.set_revision(context_.changes->reached());
  const explain::Caller caller(selectors);
  explain::Nearest<EntryIndex::Own> nearest(explain::kNearest);
  std::vector<explain::SelectorView> views;
  for (const EntryIndex::Own& own :
       context_.entry_store->index().expired_or_later(agent_id, request.revision())) {
    views.clear();
    if (!read_selectors(own.entry->encoded(), views)) continue;
    const std::string tie = (own.expired ? "1" : "0") + std::string(own.entry->id());
    nearest.offer(caller.rank(views), tie, own);
  }
  for (const auto& each : nearest.take()) {
    Entry entry = each.entry.entry->message();
    explain::v1::KnownEntry& known = *out.add_entries();
    known.set_id(entry.id());
    known.set_spiffe_id(id_text(entry.spiffe_id()));
    known.set_parent_id(id_text(entry.parent_id()));
    known.mutable_selectors()->Swap(entry.mutable_selectors());
    known.mutable_federates_with()->Swap(entry.mutable_federates_with());
    known.set_expires_at(entry.expires_at());
    known.set_revision_number(entry.revision_number());
    known.set_store_svid(entry.store_svid());
    known.set_expired(each.entry.expired);
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
