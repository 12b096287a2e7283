#include "spire_import/spire_records.h"

#include <limits>
#include <map>

#include "spire_import/spire_rows.h"

namespace signet::server {
namespace {

constexpr std::int64_t kToTheEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kToldProblems = 20;

// SPIRE's names of the tables that rows are told by.
std::string_view table_name(std::uint32_t table) {
  static constexpr std::string_view kNames[] = {"",
                                                "bundles",
                                                "federated_trust_domains",
                                                "registered_entries",
                                                "selectors",
                                                "dns_names",
                                                "federated_registration_entries",
                                                "attested_node_entries",
                                                "node_resolver_map_entries",
                                                "join_tokens",
                                                "ca_journals"};
  return kNames[table];
}

// Rows that others belong to, by their IDs.
template <typename T>
class Parents {
 public:
  explicit Parents(std::uint32_t table) : table_(table) {}

  void add(std::int64_t row, Result<T> parent, SpireProblems& problems) {
    last_ = row;
    ++rows_;
    if (parent) {
      parents_.emplace(row, *std::move(parent));
    } else {
      problems.add(table_name(table_), row, parent.status());
    }
  }
  /// Reads what belongs to them from another table.
  template <typename Add>
  Status read(const SpireReader& reader, std::uint32_t table, std::int64_t after,
              SpireProblems& problems, Add&& add) {
    return reader.read(table, after, last_, 0, [&](const SpireRow& row) {
      const auto parent = parents_.find(row.id());
      if (parent == parents_.end()) return;  // SPIRE leaves rows of deleted entries behind
      if (const Status added = add(parent->second, row); !added.ok()) {
        problems.add(table_name(table_), row.id(), added);
        parents_.erase(parent);
      }
    });
  }
  const std::map<std::int64_t, T>& all() const { return parents_; }
  std::size_t rows() const { return rows_; }
  std::int64_t last() const { return last_; }

 private:
  const std::uint32_t table_;
  std::map<std::int64_t, T> parents_;
  std::size_t rows_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace

std::string_view title_of(SpireStep step) {
  static constexpr std::string_view kTitles[kSpireSteps] = {
      "bundles",     "federation relationships", "registration entries", "attested agents",
      "join tokens", "authority journals"};
  return kTitles[static_cast<std::size_t>(step)];
}

void SpireProblems::add(std::string_view table, std::int64_t row, const Status& status) {
  ++count;
  if (told.size() < kToldProblems) {
    told.push_back(std::string(table) + ", row " + std::to_string(row) + ": " + status.message());
  }
}

Status SpireProblems::status() const {
  if (count == 0) return {};
  std::string text = std::to_string(count) + " rows of the SPIRE database cannot be taken over";
  for (const std::string& one : told) text += "\n  " + one;
  if (count > told.size()) text += "\n  and " + std::to_string(count - told.size()) + " more";
  return Status::failed_precondition(std::move(text));
}

template <typename Fn>
Status SpireRecords::read_simple(std::uint32_t table, Batch& batch, std::int64_t after,
                                 std::uint32_t limit, SpireProblems& problems,
                                 Fn&& record_of) const {
  return reader_.read(table, after, kToTheEnd, limit, [&](const SpireRow& row) {
    ++batch.rows;
    batch.last = row.id();
    Result<Record> record = record_of(row);
    if (record) {
      batch.records.push_back(*std::move(record));
    } else {
      problems.add(table_name(table), row.id(), record.status());
    }
  });
}

Status SpireRecords::read_entries(Batch& batch, std::int64_t after, std::uint32_t limit,
                                  SpireProblems& problems) const {
  using Entry = spire::api::types::Entry;
  Parents<Entry> entries(SIGNET_SPIRE_ENTRIES);
  SIGNET_RETURN_IF_ERROR(reader_.read(
      SIGNET_SPIRE_ENTRIES, after, kToTheEnd, limit,
      [&](const SpireRow& row) { entries.add(row.id(), entry_of_spire(row), problems); }));
  batch.rows = entries.rows();
  batch.last = entries.last();
  if (batch.rows == 0) return {};
  SIGNET_RETURN_IF_ERROR(
      entries.read(reader_, SIGNET_SPIRE_SELECTORS, after, problems,
                   [](Entry& entry, const SpireRow& row) { return add_selector(entry, row); }));
  SIGNET_RETURN_IF_ERROR(
      entries.read(reader_, SIGNET_SPIRE_DNS_NAMES, after, problems, add_dns_name));
  SIGNET_RETURN_IF_ERROR(
      entries.read(reader_, SIGNET_SPIRE_FEDERATES_WITH, after, problems, add_federates_with));
  for (const auto& [row, entry] : entries.all()) {
    Result<Record> record = entry_record_of_spire(domain_, entry);
    if (record) {
      batch.records.push_back(*std::move(record));
    } else {
      problems.add(table_name(SIGNET_SPIRE_ENTRIES), row, record.status());
    }
  }
  return {};
}

Status SpireRecords::read_agents(Batch& batch, std::int64_t after, std::uint32_t limit,
                                 SpireProblems& problems) const {
  using Agent = store::v1::Agent;
  Parents<Agent> agents(SIGNET_SPIRE_AGENTS);
  SIGNET_RETURN_IF_ERROR(reader_.read(
      SIGNET_SPIRE_AGENTS, after, kToTheEnd, limit,
      [&](const SpireRow& row) { agents.add(row.id(), agent_of_spire(domain_, row), problems); }));
  batch.rows = agents.rows();
  batch.last = agents.last();
  if (batch.rows == 0) return {};
  SIGNET_RETURN_IF_ERROR(
      agents.read(reader_, SIGNET_SPIRE_AGENT_SELECTORS, after, problems,
                  [](Agent& agent, const SpireRow& row) { return add_selector(agent, row); }));
  for (const auto& [row, agent] : agents.all()) {
    if (agent.serial_number().empty()) ++batch.banned;
    batch.records.push_back(agent_record_of_spire(agent));
  }
  return {};
}

Result<SpireRecords::Batch> SpireRecords::read(SpireStep step, std::int64_t after,
                                               std::uint32_t limit, SpireProblems& problems) const {
  Batch batch;
  const auto simple = [&](std::uint32_t table, auto&& record_of) {
    return read_simple(table, batch, after, limit, problems, record_of);
  };
  Status done;
  switch (step) {
    case SpireStep::kBundles:
      done = simple(SIGNET_SPIRE_BUNDLES, bundle_of_spire);
      break;
    case SpireStep::kFederation:
      done = simple(SIGNET_SPIRE_FEDERATION, federation_of_spire);
      break;
    case SpireStep::kEntries:
      done = read_entries(batch, after, limit, problems);
      break;
    case SpireStep::kAgents:
      done = read_agents(batch, after, limit, problems);
      break;
    case SpireStep::kTokens:
      done = simple(SIGNET_SPIRE_JOIN_TOKENS, join_token_of_spire);
      batch.left_out = std::erase_if(
          batch.records, [&](const Record& record) { return record.expires_at <= now_; });
      break;
    case SpireStep::kJournals:
      done = simple(SIGNET_SPIRE_CA_JOURNALS, [&](const SpireRow& row) -> Result<Record> {
        SIGNET_TRY(store::v1::Journal journal, journal_of_spire(row));
        Record record = journal_record_of_spire(journal, row.id());
        batch.journals.push_back(std::move(journal));
        return record;
      });
      break;
  }
  if (!done.ok()) return done;
  return batch;
}

}  // namespace signet::server
