// Entries as the services see them, set by hand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "service_context.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server::testing {

class FakeEntries final : public EntryDirectory {
 public:
  EntryPtr authorized_entry(std::string_view, std::string_view) const override { return nullptr; }
  Privileges privileges(std::string_view spiffe_id) const override {
    const auto at = privileges_of.find(spiffe_id);
    return at == privileges_of.end() ? Privileges() : at->second;
  }
  std::size_t count() const override { return 0; }
  void agent_changed(std::string_view id, const std::vector<std::string>& selectors) override {
    selectors_of[std::string(id)] = selectors;
  }
  void agent_removed(std::string_view id) override { selectors_of.erase(std::string(id)); }

  std::map<std::string, Privileges, std::less<>> privileges_of;
  std::map<std::string, std::vector<std::string>> selectors_of;
};

}  // namespace signet::server::testing
