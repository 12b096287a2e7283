#include "records.h"

#include <array>
#include <string>

namespace signet::datastore_sql {
namespace {

constexpr KeySpec kEntryKeys[] = {
    {"spiffe_id", KeyType::kText},     {"parent_id", KeyType::kText}, {"hint", KeyType::kText},
    {"downstream", KeyType::kFlag},    {"admin", KeyType::kFlag},     {"selector", KeyType::kSet},
    {"federates_with", KeyType::kSet},
};
constexpr KeySpec kAgentKeys[] = {
    {"attestation_type", KeyType::kText},
    {"banned", KeyType::kFlag},
    {"can_reattest", KeyType::kFlag},
    {"selector", KeyType::kSet},
};
constexpr KindSpec kKinds[] = {
    {"entry", kEntryKeys, 0}, {"agent", kAgentKeys, 1}, {"bundle", {}, 2}, {"join_token", {}, 3},
    {"federation", {}, 4},    {"journal", {}, 5},       {"meta", {}, 6},
};

}  // namespace

std::span<const KindSpec> kinds() { return kKinds; }

Result<const KindSpec*> find_kind(std::string_view name) {
  for (const KindSpec& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return Status::invalid_argument("unknown record kind \"" + std::string(name.substr(0, 64)) +
                                  "\"");
}

}  // namespace signet::datastore_sql
