// EntryWatcher: who wants to know which agents a change of the entries concerns.
#pragma once

#include <functional>
#include <string_view>

namespace signet::server {

// Called by EntryIndex while it is locked: returns soon, and does not call it. Agents are named by
// the paths of their SPIFFE IDs. A call too many is harmless.
class EntryWatcher {
 public:
  virtual ~EntryWatcher() = default;
  /// Whether the other calls are worth making. From any thread.
  virtual bool watching() const = 0;

  /// This entry of the agent's is new, another one, or gone. An empty ID: there may be several.
  virtual void entry_changed(std::string_view agent_path, std::string_view entry_id) = 0;
  /// The same for all agents that `concerns` says yes to.
  virtual void entry_changed(const std::function<bool(std::string_view agent_path)>& concerns,
                             std::string_view entry_id) = 0;
};

}  // namespace signet::server
