// SpireImport: brings the records of a SPIRE database into ours.
//
// First everything is looked at, so that nothing is written of a database with a row that cannot be
// taken over. Then it is written batch by batch; each transaction also writes how far the import
// is (store.v1.SpireImport), so that it goes on where it was cut off and no record is written
// twice. The rule: an import begins in an empty datastore, no server runs there before it is
// finished, and once it is finished it never writes again. So nothing can be there that it would
// overwrite.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "signet/datastore.h"
#include "signet/key_manager.h"

#include "spire_import/spire_records.h"

namespace signet::server {

// What was found and, after an import, written.
struct SpireCounts {
  std::array<std::uint64_t, kSpireSteps> records{};  // by SpireStep
  std::uint64_t banned_agents = 0;
  std::uint64_t expired_tokens = 0;
  bool own_bundle = false;   // of our trust domain
  bool own_journal = false;  // of the keys that were handed in
  std::uint64_t of(SpireStep step) const { return records[static_cast<std::size_t>(step)]; }
};

class SpireImport {
 public:
  enum class State : std::uint8_t { kNew, kBegun, kFinished };
  using Progress = std::function<void(SpireStep step, std::uint64_t written)>;

  /// reader   outlives this
  /// now      Unix seconds
  /// go_on    asked between batches; false: kCancelled
  SpireImport(const SpireReader& reader, const TrustDomain& domain, std::int64_t now,
              std::function<bool()> go_on)
      : reader_(reader),
        domain_(domain),
        now_(now),
        go_on_(std::move(go_on)),
        records_(reader, domain, now) {}

  /// Reads and checks everything; writes nothing.
  /// keys     of the SPIRE server, to find its journal by
  /// Errors   kFailedPrecondition: rows that cannot be taken over, each named
  Result<SpireCounts> look(const std::vector<KeyInfo>& keys);
  /// Whether this datastore can take the import, and how far it is.
  /// Errors   kFailedPrecondition: it holds other records, or the beginning of another import
  Result<State> check_target(const Datastore& datastore) const;
  /// The same where the datastore was opened only if it has tables already.
  Result<State> check_target_of_dry_run(const Host& host, const Datastore& datastore) const;
  /// After look() and check_target() (not kFinished). Cut off anywhere, the next run goes on.
  /// Errors   kAborted: another import runs; the datastore's
  Status write(const Datastore& datastore, const Progress& progress);

 private:
  Result<store::v1::SpireImport> begin(const Datastore& datastore);
  Status write_batch(const Datastore& datastore, std::vector<Record> records,
                     const store::v1::SpireImport& state);

  const SpireReader& reader_;
  const TrustDomain domain_;
  const std::int64_t now_;
  const std::function<bool()> go_on_;
  const SpireRecords records_;
  std::int64_t state_revision_ = SIGNET_REVISION_ABSENT;  // of our own record
};

/// Errors   kFailedPrecondition: an import into this datastore was begun and not finished
Status refuse_unfinished_import(const Datastore& datastore);

}  // namespace signet::server
