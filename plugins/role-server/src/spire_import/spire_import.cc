#include "spire_import/spire_import.h"

#include <algorithm>

#include "api_id.h"
#include "entry_record.h"
#include "stored_domain.h"

namespace signet::server {
namespace {

constexpr const char* kStateId = "import/spire";
constexpr std::uint32_t kBatch = 500;

// Nothing when no import was begun.
Result<std::optional<std::pair<store::v1::SpireImport, std::uint64_t>>> read_state(
    Transaction& tx) {
  using State = std::optional<std::pair<store::v1::SpireImport, std::uint64_t>>;
  const auto record = tx.get("meta", kStateId);
  if (!record && record.status().code() == Code::kNotFound) return State();
  if (!record) return record.status();
  store::v1::SpireImport state;
  if (!state.ParseFromString(record->body)) {
    return Status::internal("the stored state of the import is malformed");
  }
  return State({std::move(state), record->revision});
}

bool has_key(const google::protobuf::RepeatedPtrField<store::v1::Journal::Authority>& authorities,
             const std::vector<KeyInfo>& keys) {
  return std::any_of(authorities.begin(), authorities.end(), [&](const auto& authority) {
    return std::any_of(keys.begin(), keys.end(), [&](const KeyInfo& key) {
      return key.key_id == authority.key_id() && key.public_key == authority.public_key();
    });
  });
}

Status raced() {
  return Status(Code::kAborted, "another import into this datastore runs at the same time");
}

Status stopped() { return Status::cancelled("stopped; run it again to complete the import"); }

}  // namespace

Result<SpireCounts> SpireImport::look(const std::vector<KeyInfo>& keys) {
  SpireCounts counts;
  SpireProblems problems;
  for (std::size_t n = 0; n < kSpireSteps; ++n) {
    const auto step = static_cast<SpireStep>(n);
    for (std::int64_t after = 0;;) {
      if (!go_on_()) return stopped();
      SIGNET_TRY(const auto batch, records_.read(step, after, kBatch, problems));
      if (batch.rows == 0) break;
      after = batch.last;
      counts.records[n] += batch.records.size();
      counts.banned_agents += batch.banned;
      counts.expired_tokens += batch.left_out;
      for (const Record& record : batch.records) {
        counts.own_bundle |= step == SpireStep::kBundles && record.id == domain_.name();
      }
      for (const auto& journal : batch.journals) {
        counts.own_journal |= has_key(journal.x509(), keys) || has_key(journal.jwt(), keys) ||
                              has_key(journal.wit(), keys);
      }
    }
  }
  SIGNET_RETURN_IF_ERROR(problems.status());
  return counts;
}

Result<SpireImport::State> SpireImport::check_target(const Datastore& datastore) const {
  SIGNET_TRY(Transaction tx, datastore.read());
  SIGNET_TRY(const auto state, read_state(tx));
  if (state && state->first.finished_at() != 0) return State::kFinished;
  if (state) {
    if (state->first.content() == reader_.database().content) return State::kBegun;
    return Status::failed_precondition(
        "the datastore holds the beginning of an import from " + state->first.database() +
        ", which has changed since or is another one: begin again with an empty datastore");
  }
  for (const char* kind : {"bundle", "federation", "entry", "agent", "join_token", "journal"}) {
    Query query;
    query.kind = kind;
    SIGNET_TRY(const std::uint64_t n, tx.count(query));
    if (n == 0) continue;
    SIGNET_TRY(const StoredDomains stored, stored_domains(tx));
    const std::string& other = stored.agents.empty() ? stored.entries : stored.agents;
    if (!other.empty() && other != domain_.name()) {
      return Status::failed_precondition("the datastore holds data of trust domain \"" + other +
                                         "\", the SPIRE server is of \"" + domain_.name() + "\"");
    }
    return Status::failed_precondition(
        "the datastore holds records already (" + std::to_string(n) + " of kind " + kind +
        "): an import needs an empty one, where no server has run yet");
  }
  return State::kNew;
}

Result<SpireImport::State> SpireImport::check_target_of_dry_run(const Host& host,
                                                                const Datastore& datastore) const {
  SIGNET_TRY(const auto schema, DatastoreSchema::acquire(host));
  const auto there = schema.check();
  // An open datastore cannot be looked at from outside, and need not.
  if (!there || there->version >= there->known) return check_target(datastore);
  if (there->version == 0) return State::kNew;
  return Status::failed_precondition(
      "the datastore has an older schema: run `signet server "
      "datastore migrate` first");
}

Status SpireImport::write_batch(const Datastore& datastore, std::vector<Record> records,
                                const store::v1::SpireImport& state) {
  SIGNET_TRY(Transaction tx, datastore.write());
  // First: it shows whether somebody else has written meanwhile.
  Record told;
  told.kind = "meta";
  told.id = kStateId;
  told.if_revision = state_revision_;
  told.body = state.SerializeAsString();
  if (const Status put = tx.put(told); !put.ok()) {
    const bool lost = put.code() == Code::kAborted || put.code() == Code::kAlreadyExists;
    return lost ? raced() : put;
  }
  for (Record& record : records) {
    record.if_revision = SIGNET_REVISION_ABSENT;
    if (const Status put = tx.put(record); !put.ok()) {
      return put.prefixed("cannot write " + record.kind + " " + record.id);
    }
  }
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  state_revision_ = static_cast<std::int64_t>(revision);
  return {};
}

// How far the import is; now on record.
Result<store::v1::SpireImport> SpireImport::begin(const Datastore& datastore) {
  {
    SIGNET_TRY(Transaction tx, datastore.read());
    SIGNET_TRY(auto begun, read_state(tx));
    if (begun && begun->first.finished_at() != 0) return raced();
    if (begun) {
      state_revision_ = static_cast<std::int64_t>(begun->second);
      return std::move(begun->first);
    }
  }
  store::v1::SpireImport state;
  state.set_database(reader_.database().name);
  state.set_content(reader_.database().content);
  state.set_started_at(now_);
  SIGNET_RETURN_IF_ERROR(write_batch(datastore, {}, state));
  return state;
}

Status SpireImport::write(const Datastore& datastore, const Progress& progress) {
  SIGNET_TRY(store::v1::SpireImport state, begin(datastore));
  for (; state.step() < kSpireSteps; state.set_step(state.step() + 1), state.set_row(0)) {
    const auto step = static_cast<SpireStep>(state.step());
    for (std::uint64_t written = 0;;) {
      if (!go_on_()) return stopped();
      SpireProblems problems;
      SIGNET_TRY(auto batch, records_.read(step, state.row(), kBatch, problems));
      SIGNET_RETURN_IF_ERROR(problems.status());
      if (batch.rows == 0) break;
      state.set_row(batch.last);
      written += batch.records.size();
      SIGNET_RETURN_IF_ERROR(write_batch(datastore, std::move(batch.records), state));
      progress(step, written);
    }
  }
  // Whoever wrote to it meanwhile was not heard.
  SIGNET_RETURN_IF_ERROR(reader_.check_idle());
  state.set_finished_at(now_);
  return write_batch(datastore, {}, state);
}

Status refuse_unfinished_import(const Datastore& datastore) {
  SIGNET_TRY(Transaction tx, datastore.read());
  SIGNET_TRY(const auto state, read_state(tx));
  if (!state || state->first.finished_at() != 0) return {};
  return Status::failed_precondition(
      "the datastore holds an unfinished import from " + state->first.database() +
      ": run `signet server datastore import-spire` again, which completes it");
}

}  // namespace signet::server
