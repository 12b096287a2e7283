// What this server knows of why an entry's workload gets an identity or none (libs/explain).
//
// For an operator who gives selectors all entries are compared with them, in memory. For an agent
// its own are, and what matches of the others' is looked up in the datastore's indexes.
#pragma once

#include "signet/explain/v1/explain.pb.h"

#include "entry_index.h"
#include "explain/facts.h"
#include "service_context.h"

namespace signet::server {

class ExplainFacts {
 public:
  explicit ExplainFacts(const ServiceContext& context) : context_(context) {}

  /// For an operator: of all entries. Blocks.
  /// Errors   kInvalidArgument: what cannot be asked for; the datastore's
  Result<explain::Facts> gather(const explain::v1::ExplainEntryRequest& request) const;
  /// For an agent, about its own. Blocks.
  /// Errors   kInvalidArgument: a selector is malformed, or there are too many
  Result<explain::v1::AskAboutCallerResponse> answer(
      const std::string& agent_id, const explain::v1::AskAboutCallerRequest& request) const;

 private:
  using Entry = spire::api::types::Entry;
  Result<std::vector<Entry>> query(const Query& query) const;
  Result<std::vector<Entry>> meant(const explain::v1::ExplainEntryRequest& request) const;
  std::string not_following(const std::string& agent_id) const;
  std::vector<Entry> near(const SelectorSet& selectors) const;
  Result<bool> matches_elsewhere(const std::string& agent_id, const SelectorSet& selectors) const;
  struct AgentsAbove {
    std::vector<AgentPtr> known;
    std::string unknown;  // the ID of one that there is no record of; "": there is no such one
  };
  Result<AgentsAbove> agents_above(std::string_view entry_id) const;
  Result<explain::EntryFacts> place(const Entry& entry, const explain::AgentFacts* meant) const;
  Status place_below(const explain::AgentFacts& meant, const IndexedPtr& indexed,
                     explain::EntryFacts& out) const;
  Status place_below_any(const IndexedPtr& indexed, explain::EntryFacts& out) const;
  explain::AgentFacts agent_facts(const std::string& id, const AgentPtr& agent) const;
  std::optional<bool> has(const std::string& agent_id, const IndexedPtr& indexed) const;
  std::string_view path_of(std::string_view id) const;

  const ServiceContext& context_;
};

}  // namespace signet::server
