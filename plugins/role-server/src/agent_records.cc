#include "agent_records.h"

#include <algorithm>
#include <set>

#include "api_id.h"

namespace signet::server {
namespace {

// The alias that CreateJoinToken made has exactly this one selector.
std::string alias_selector(std::string_view agent_id) {
  return "spiffe_id:" + std::string(agent_id);
}

std::shared_ptr<AgentRecord> from_parts(std::string_view id, std::string_view body,
                                        std::uint64_t row, std::uint64_t revision) {
  auto agent = std::make_shared<AgentRecord>();
  if (!agent->body.ParseFromArray(body.data(), static_cast<int>(body.size()))) return nullptr;
  agent->id = id;
  agent->row = row;
  agent->revision = revision;
  return agent;
}

Status not_found() { return Status::not_found("agent not found"); }

}  // namespace

Record agent_to_record(const std::string& id, const store::v1::Agent& body) {
  Record record;
  record.kind = "agent";
  record.id = id;
  record.expires_at = body.expires_at();
  record.keys.emplace_back("attestation_type", body.attestation_type());
  if (body.serial_number().empty()) record.keys.emplace_back("banned", "1");
  if (body.can_reattest()) record.keys.emplace_back("can_reattest", "1");
  for (const auto& selector : body.selectors()) {
    record.keys.emplace_back("selector", selector.type() + ":" + selector.value());
  }
  record.body = body.SerializeAsString();
  return record;
}

std::vector<std::string> AgentRecord::selectors() const {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(body.selectors_size()));
  for (const auto& selector : body.selectors()) {
    out.push_back(selector.type() + ":" + selector.value());
  }
  return out;
}

AgentPtr AgentRecords::find(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto at = agents_.find(id);
  return at == agents_.end() ? nullptr : at->second;
}

Result<AgentPtr> AgentRecords::stored(std::string_view id) const {
  SIGNET_TRY(auto tx, datastore_.read(changes_.question_deadline()));
  const auto record = tx.get("agent", id);
  if (!record) {
    if (record.status().code() == Code::kNotFound) return AgentPtr();
    return record.status();
  }
  auto agent = from_parts(record->id, record->body, record->row, record->revision);
  if (!agent) return Status::internal("stored agent is malformed").with("agent_id", record->id);
  if (const AgentPtr known = find(id)) agent->presence = known->presence;
  return AgentPtr(std::move(agent));
}

Result<AgentPtr> AgentRecords::current(std::string_view id) const {
  return changes_.decide([&]() -> Result<AgentPtr> { return find(id); },
                         [&] { return stored(id); });
}

std::size_t AgentRecords::count() const {
  std::shared_lock lock(mutex_);
  return agents_.size();
}

std::size_t AgentRecords::count_live(std::int64_t now) const {
  std::shared_lock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(agents_.begin(), agents_.end(), [&](const auto& a) {
    return !a.second->banned() && a.second->body.expires_at() > now;
  }));
}

void AgentRecords::saw(const AgentRecord& agent, std::int64_t now_ns) {
  if (agent.presence) agent.presence->seen_ns.store(now_ns, std::memory_order_relaxed);
}

void AgentRecords::gave_bundle(std::string_view id, std::uint64_t revision,
                               std::int64_t now_ns) const {
  const AgentPtr agent = find(id);
  if (!agent || !agent->presence) return;
  saw(*agent, now_ns);
  // Answers may overtake each other: the number only grows.
  std::uint64_t known = agent->presence->bundle_revision.load(std::memory_order_relaxed);
  while (known < revision &&
         !agent->presence->bundle_revision.compare_exchange_weak(known, revision)) {
  }
}

AgentRecords::Seen AgentRecords::seen(std::int64_t since_ns, std::uint64_t revision) const {
  Seen seen;
  std::shared_lock lock(mutex_);
  for (const auto& [id, agent] : agents_) {
    const std::int64_t at = agent->presence->seen_ns.load(std::memory_order_relaxed);
    if (at == 0 || at < since_ns || agent->banned()) continue;
    const std::uint64_t has = agent->presence->bundle_revision.load(std::memory_order_relaxed);
    ++seen.agents;
    seen.lowest = std::min(seen.lowest, has);
    if (has < revision) ++seen.lacking;
  }
  return seen;
}

// Reads, edits and writes one record in one transaction, then puts the result into memory.
// edit(store::v1::Agent&) -> Result<bool>: whether there is something to write.
template <typename Edit>
Status AgentRecords::change(std::string_view id, Edit&& edit) {
  SIGNET_TRY(auto tx, datastore_.write());
  auto stored = tx.get("agent", id);
  if (!stored) {
    return stored.status().code() == Code::kNotFound ? not_found() : stored.status();
  }
  store::v1::Agent body;
  if (!body.ParseFromString(stored->body)) return Status::internal("stored agent is malformed");
  SIGNET_TRY(const bool changed, edit(body));
  if (!changed) return {};
  Record record = agent_to_record(stored->id, body);
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  record.revision = revision;
  apply(record);
  changes_.committed(revision);
  return {};
}

Status AgentRecords::attested(const AttestedAgent& agent) {
  SIGNET_TRY(auto tx, datastore_.write());
  store::v1::Agent body;
  auto stored = tx.get("agent", agent.id.to_string());
  if (stored) {
    if (!body.ParseFromString(stored->body)) return Status::internal("stored agent is malformed");
    if (body.serial_number().empty()) {
      return Status::permission_denied("failed to attest: agent is banned");
    }
  } else if (stored.status().code() != Code::kNotFound) {
    return stored.status();
  } else {
    id_to_api(agent.id, body.mutable_id());
    body.set_attestation_type(agent.attestation_type);
  }
  body.set_serial_number(agent.serial);
  body.set_expires_at(agent.expires_at);
  body.clear_new_serial_number();
  body.clear_new_expires_at();
  body.set_can_reattest(agent.can_reattest);
  body.clear_selectors();
  for (const Selector& selector :
       std::set<Selector>(agent.selectors.begin(), agent.selectors.end())) {
    auto* out = body.add_selectors();
    out->set_type(selector.type);
    out->set_value(selector.value);
  }
  Record record = agent_to_record(agent.id.to_string(), body);
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  record.revision = revision;
  apply(record);
  changes_.committed(revision);
  return {};
}

Status AgentRecords::set_pending(std::string_view id, const std::string& serial,
                                 std::int64_t expires_at) {
  return change(id, [&](store::v1::Agent& body) -> Result<bool> {
    if (body.serial_number().empty()) return not_found();  // banned meanwhile
    body.set_new_serial_number(serial);
    body.set_new_expires_at(expires_at);
    return true;
  });
}

Status AgentRecords::promote(std::string_view id, const std::string& serial) {
  return change(id, [&](store::v1::Agent& body) -> Result<bool> {
    if (body.new_serial_number() != serial) return false;
    body.set_serial_number(serial);
    body.set_expires_at(body.new_expires_at());
    body.clear_new_serial_number();
    body.clear_new_expires_at();
    return true;
  });
}

Status AgentRecords::ban(std::string_view id) {
  return change(id, [&](store::v1::Agent& body) -> Result<bool> {
    if (body.serial_number().empty()) return false;
    body.clear_serial_number();
    body.clear_new_serial_number();
    return true;
  });
}

Status AgentRecords::remove(std::string_view id) {
  SIGNET_TRY(auto tx, datastore_.write());
  auto stored = tx.get("agent", id);
  if (!stored) {
    return stored.status().code() == Code::kNotFound ? not_found() : stored.status();
  }
  store::v1::Agent body;
  if (!body.ParseFromString(stored->body)) return Status::internal("stored agent is malformed");
  SIGNET_TRY(const bool alone, erase_in(tx, stored->id, body));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  erase(id, revision);
  // The log brings the deletion of an alias to the entries' view.
  if (alone) changes_.committed(revision);
  return {};
}

Result<bool> AgentRecords::erase_in(Transaction& tx, const std::string& id,
                                    const store::v1::Agent& body) {
  SIGNET_RETURN_IF_ERROR(tx.erase("agent", id));
  if (body.attestation_type() != "join_token") return true;
  Query aliases;
  aliases.kind = "entry";
  aliases.where = {{"parent_id", id}, {"selector", alias_selector(id)}};
  aliases.selector_match = SIGNET_MATCH_EXACT;
  aliases.headers_only = true;
  SIGNET_TRY(const std::vector<Record> found, tx.query(aliases));
  for (const Record& entry : found) SIGNET_RETURN_IF_ERROR(tx.erase("entry", entry.id));
  return found.empty();
}

Result<std::size_t> AgentRecords::prune(std::int64_t before, bool tofu, std::size_t limit) {
  Query expired;
  expired.kind = "agent";
  expired.expires_before = before;
  if (!tofu) expired.where.emplace_back("can_reattest", "1");
  {
    SIGNET_TRY(auto look, datastore_.read());
    SIGNET_TRY(const std::uint64_t some, look.count(expired));
    if (some == 0) return std::size_t{0};
  }
  SIGNET_TRY(auto tx, datastore_.write());
  std::vector<std::string> gone;
  bool alone = true;
  // In pages, since banned ones stay and may be many.
  expired.limit = static_cast<std::uint32_t>(limit);
  while (gone.size() < limit) {
    SIGNET_TRY(const std::vector<Record> page, tx.query(expired));
    for (const Record& record : page) {
      store::v1::Agent body;
      const bool readable = body.ParseFromString(record.body);
      if (!readable || body.serial_number().empty() || gone.size() == limit) continue;
      SIGNET_TRY(const bool one, erase_in(tx, record.id, body));
      alone = alone && one;
      gone.push_back(record.id);
    }
    if (page.size() < limit) break;
    expired.after_row = page.back().row;
  }
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  for (const std::string& id : gone) erase(id, revision);
  if (alone && !gone.empty()) changes_.committed(revision);
  return gone.size();
}

Status AgentRecords::set_version(std::string_view id, const std::string& version) {
  return change(id, [&](store::v1::Agent& body) -> Result<bool> {
    if (body.agent_version() == version) return false;
    body.set_agent_version(version);
    return true;
  });
}

Result<AgentRecords::Page> AgentRecords::list(const Query& query) const {
  SIGNET_TRY(auto tx, datastore_.read());
  Page page;
  SIGNET_RETURN_IF_ERROR(tx.for_each(query, [&](const signet_record& record) {
    page.last_row = record.row;
    if (AgentPtr agent =
            from_parts(view(record.id), view(record.body), record.row, record.revision)) {
      page.agents.push_back(std::move(agent));
    } else {
      host_.error("Stored agent cannot be read", {{"agent_id", view(record.id)}});
    }
  }));
  return page;
}

Result<std::uint64_t> AgentRecords::count(const Query& query) const {
  SIGNET_TRY(auto tx, datastore_.read());
  return tx.count(query);
}

Status AgentRecords::reload(Transaction& tx) {
  ById<AgentPtr> loaded;
  Query query;
  query.kind = "agent";
  SIGNET_RETURN_IF_ERROR(tx.for_each(query, [&](const signet_record& record) {
    auto agent = from_parts(view(record.id), view(record.body), record.row, record.revision);
    if (agent) {
      const AgentPtr before = find(agent->id);
      agent->presence = before ? before->presence : std::make_shared<AgentPresence>();
      loaded.emplace(agent->id, agent);
    } else {
      host_.error("Stored agent cannot be read", {{"agent_id", view(record.id)}});
    }
  }));
  for (const auto& [id, agent] : loaded) entries_.agent_changed(id, agent->selectors());
  {
    std::unique_lock lock(mutex_);
    agents_.swap(loaded);
    erased_.clear();
  }
  for (const auto& [id, before] : loaded) {  // what was known before
    const AgentPtr now = find(id);
    if (!now) entries_.agent_removed(id);
    if (revoked_ && (!now || (now->banned() && !before->banned()))) revoked_(id);
  }
  return {};
}

bool AgentRecords::knows(const Change& change) const {
  std::shared_lock lock(mutex_);
  if (const auto gone = erased_.find(change.id);
      gone != erased_.end() && gone->second >= change.revision) {
    return true;
  }
  const auto at = agents_.find(change.id);
  return !change.deleted && at != agents_.end() && at->second->revision >= change.revision;
}

void AgentRecords::apply(const Record& record) {
  auto agent = from_parts(record.id, record.body, record.row, record.revision);
  if (!agent) {
    host_.error("Stored agent cannot be read", {{"agent_id", record.id}});
    return;
  }
  bool selectors_changed = true;
  bool newly_banned = false;
  {
    std::unique_lock lock(mutex_);
    const auto gone = erased_.find(record.id);
    if (gone != erased_.end()) {
      if (gone->second >= record.revision) return;
      erased_.erase(gone);
    }
    AgentPtr& place = agents_[record.id];
    if (place) {
      if (place->revision > record.revision) return;  // a later one is here already
      agent->presence = place->presence;
      selectors_changed = place->selectors() != agent->selectors();
      newly_banned = agent->banned() && !place->banned();
    }
    if (!agent->presence) agent->presence = std::make_shared<AgentPresence>();
    place = agent;
  }
  if (selectors_changed) entries_.agent_changed(agent->id, agent->selectors());
  if (newly_banned && revoked_) revoked_(agent->id);  // also when another server wrote it
}

void AgentRecords::erase(std::string_view id, std::uint64_t revision) {
  bool known = false;
  {
    std::unique_lock lock(mutex_);
    const auto at = agents_.find(id);
    if (at != agents_.end()) {
      if (at->second->revision > revision) return;
      agents_.erase(at);
      known = true;
    }
    erased_[std::string(id)] = revision;
    forget_old(erased_, revision);
  }
  if (known) {
    entries_.agent_removed(id);
    if (revoked_) revoked_(std::string(id));
  }
}

}  // namespace signet::server
