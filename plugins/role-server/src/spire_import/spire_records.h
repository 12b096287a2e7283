// SpireRecords: a SPIRE database as the records that Signet keeps, a batch at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signet/datastore.h"
#include "signet/spiffe_id.h"
#include "signet/spire_source.h"
#include "signet/store/v1/store.pb.h"

namespace signet::server {

// What is taken over, in this order: bundles before the entries that federate with their domains.
enum class SpireStep : std::uint8_t {
  kBundles,
  kFederation,
  kEntries,
  kAgents,
  kTokens,
  kJournals
};
inline constexpr std::size_t kSpireSteps = 6;
std::string_view title_of(SpireStep step);  // "registration entries"

// Rows that cannot be taken over. All are counted, the first few are told.
struct SpireProblems {
  std::uint64_t count = 0;
  std::vector<std::string> told;  // "registered_entries, row 7: ..."
  void add(std::string_view table, std::int64_t row, const Status& status);
  Status status() const;
};

class SpireRecords {
 public:
  struct Batch {
    std::vector<Record> records;
    std::vector<store::v1::Journal> journals;  // what the records of kJournals hold
    std::size_t rows = 0;                      // 0: that was the end
    std::int64_t last = 0;                     // the last row
    std::size_t left_out = 0;                  // of no more use: expired join tokens
    std::size_t banned = 0;                    // agents
  };

  /// now   Unix seconds
  SpireRecords(const SpireReader& reader, TrustDomain domain, std::int64_t now)
      : reader_(reader), domain_(std::move(domain)), now_(now) {}

  /// At most `limit` rows after row `after`. Bad ones go to `problems`, without a record.
  Result<Batch> read(SpireStep step, std::int64_t after, std::uint32_t limit,
                     SpireProblems& problems) const;

 private:
  Status read_entries(Batch& batch, std::int64_t after, std::uint32_t limit,
                      SpireProblems& problems) const;
  Status read_agents(Batch& batch, std::int64_t after, std::uint32_t limit,
                     SpireProblems& problems) const;
  template <typename Fn>
  Status read_simple(std::uint32_t table, Batch& batch, std::int64_t after, std::uint32_t limit,
                     SpireProblems& problems, Fn&& record_of) const;

  const SpireReader& reader_;
  const TrustDomain domain_;
  const std::int64_t now_;
};

}  // namespace signet::server
