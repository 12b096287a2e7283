// Registration entries for tests.
#pragma once

#include <string>
#include <vector>

#include "spire/api/types/entry.pb.h"

namespace signet::server {

inline constexpr char kAgentId[] = "spiffe://example.org/spire/agent/join_token/a";
inline constexpr char kAgentPath[] = "/spire/agent/join_token/a";
inline constexpr char kServerPath[] = "/spire/server";

inline spire::api::types::Entry make_entry(const std::string& id, const std::string& parent_path,
                                           const std::string& path,
                                           const std::vector<std::string>& selector_values = {
                                               "uid:1"}) {
  spire::api::types::Entry entry;
  entry.set_id(id);
  entry.mutable_parent_id()->set_trust_domain("example.org");
  entry.mutable_parent_id()->set_path(parent_path);
  entry.mutable_spiffe_id()->set_trust_domain("example.org");
  entry.mutable_spiffe_id()->set_path(path);
  for (const std::string& value : selector_values) {
    auto* selector = entry.add_selectors();
    selector->set_type("unix");
    selector->set_value(value);
  }
  return entry;
}

}  // namespace signet::server
