// EntryWatcher: who wants to know which agents a change of the entries concerns.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace signet::server {

// Those who answer to one of these node aliases, and the entries that change for them.
struct ManyConcerned {
  std::vector<std::vector<std::string>> aliases;  // the selectors of each, sorted "type:value"
  std::vector<std::string> entry_ids;             // none: more than is worth naming
};

// Called by EntryIndex while it is locked: returns soon, and does not call it. Agents are named by
// the paths of their SPIFFE IDs. A call too many is harmless.
class EntryWatcher {
 public:
  virtual ~EntryWatcher() = default;
  /// Whether the other calls are worth making. From any thread.
  virtual bool watching() const = 0;

  /// This entry of the agent's is new, another one, or gone. An empty ID: there may be several.
  virtual void entry_changed(std::string_view agent_path, std::string_view entry_id) = 0;
  /// The same for many agents. Who they are is asked later, of EntryIndex::answers_to().
  virtual void entries_changed(ManyConcerned concerned) = 0;
};

}  // namespace signet::server
