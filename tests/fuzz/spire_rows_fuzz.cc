// Hostile input: the rows of a SPIRE database that is imported, with the messages that SPIRE keeps
// encoded in columns. Whatever is taken over must read back from the record that is written.
//
// An input is rows: a byte each for the table's number and the number of cells, then each cell as
// two bytes of length (little-endian) and its bytes. A row of entries or agents opens the one that
// the rows of their other tables belong to.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "signet/testing/fake_host.h"

#include "entry_record.h"
#include "fake_spire.h"
#include "proto/quiet.h"
#include "spire_import/spire_records.h"
#include "trust_bundles.h"

namespace {

using namespace signet::server;  // NOLINT: a fuzz target, not a header
using signet::Record;
using signet::server::testing::FakeSpire;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::size_t kMaxRows = 64;

// Which cells are numbers; see signet/abi/spire_source.h.
bool is_number(std::uint32_t table, std::size_t cell) {
  switch (table) {
    case SIGNET_SPIRE_ENTRIES:
      return (cell >= 3 && cell <= 9) || cell == 12;
    case SIGNET_SPIRE_AGENTS:
      return cell == 3 || cell == 5 || cell == 6;
    case SIGNET_SPIRE_JOIN_TOKENS:
      return cell == 1;
    default:
      return false;
  }
}

// Whose row the rows of this table belong to.
std::uint32_t parent_of(std::uint32_t table) {
  switch (table) {
    case SIGNET_SPIRE_SELECTORS:
    case SIGNET_SPIRE_DNS_NAMES:
    case SIGNET_SPIRE_FEDERATES_WITH:
      return SIGNET_SPIRE_ENTRIES;
    case SIGNET_SPIRE_AGENT_SELECTORS:
      return SIGNET_SPIRE_AGENTS;
    default:
      return table;
  }
}

FakeSpire::Cell cell_of(std::string_view bytes, bool number) {
  if (!number) return std::string(bytes);
  std::int64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

void read_rows(std::string_view in, FakeSpire& spire) {
  const auto byte = [&] {
    if (in.empty()) return std::size_t{0};
    const auto value = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    return std::size_t{value};
  };
  std::array<std::int64_t, SIGNET_SPIRE_TABLES + 1> last{};
  for (std::size_t rows = 0; rows < kMaxRows && !in.empty(); ++rows) {
    const auto table = static_cast<std::uint32_t>(byte() % SIGNET_SPIRE_TABLES + 1);
    std::vector<FakeSpire::Cell> cells(byte() % 14);
    for (std::size_t n = 0; n < cells.size(); ++n) {
      std::size_t length = byte();
      length += 256 * byte();
      const std::string_view bytes = in.substr(0, length);
      cells[n] = cell_of(bytes, is_number(table, n));
      in.remove_prefix(bytes.size());
    }
    const std::uint32_t parent = parent_of(table);
    if (parent == table) ++last[table];
    spire.add(table, last[parent], std::move(cells));
  }
}

void demand(bool holds) {
  if (!holds) std::abort();
}

// As a server will read it.
void read_back(const Record& record) {
  if (record.kind == "bundle") {
    demand(bundle_from_record(record).ok());
  } else if (record.kind == "entry") {
    demand(entry_from_record(record).ok());
  } else if (record.kind == "agent") {
    demand(signet::store::v1::Agent().ParseFromString(record.body));
  } else if (record.kind == "federation") {
    demand(signet::store::v1::Federation().ParseFromString(record.body));
  } else if (record.kind == "journal") {
    demand(signet::store::v1::Journal().ParseFromString(record.body));
  } else {
    demand(record.kind == "join_token");
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  signet::proto::keep_protobuf_quiet();  // it tells of each text that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kDomain = signet::TrustDomain::parse("example.org").value();
  FakeSpire spire;
  read_rows({reinterpret_cast<const char*>(data), size}, spire);
  signet::fakes::FakeHost host;
  host.offer(SIGNET_SPIRE_SOURCE, spire.instance(), FakeSpire::table());
  const auto source = signet::SpireSource::acquire(signet::Host(host.abi())).value();
  const auto reader = source.open("{}", false).value();
  const SpireRecords records(reader, kDomain, kNow);
  SpireProblems problems;
  for (std::size_t n = 0; n < kSpireSteps; ++n) {
    // In small batches, so that rows of one entry or agent may meet their ends.
    for (std::int64_t after = 0;;) {
      const auto batch = records.read(static_cast<SpireStep>(n), after, 3, problems).value();
      if (batch.rows == 0) break;
      after = batch.last;
      std::for_each(batch.records.begin(), batch.records.end(), read_back);
    }
  }
  (void)problems.status();
  return 0;
}
