// Supervisor::Run: all that belongs to one running scope; for supervisor.cc and reload.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "life/supervisor.h"

namespace signet::kernel {

struct Prepared {
  std::shared_ptr<Instance> instance;
  std::shared_ptr<const config::Checked> config;  // null when it did not pass its schema
};

/// A plugin's findings, each with the position of the setting it points at.
void add_notes(const std::vector<ConfigNote>& notes, const Prepared& item, Findings& findings);

struct Supervisor::Run {
  const PluginFile* file = nullptr;
  ConfigSource source;
  std::string wanted_scope;
  RoleInfo role;
  std::shared_ptr<Scope> scope;
  std::shared_ptr<const config::Checked> role_config;
  std::vector<PluginBlock> blocks;
  std::vector<Prepared> prepared;  // as configured, the role last
  std::vector<Prepared> ordered;   // in start order
  std::vector<Instance*> began;    // whose start was called, in order

  std::shared_ptr<Instance> instance_of(const PluginBlock& block) const {
    for (const Prepared& item : prepared) {
      if (item.instance->type() == block.type && item.instance->short_name() == block.name)
        return item.instance;
    }
    return nullptr;
  }
};

}  // namespace signet::kernel
