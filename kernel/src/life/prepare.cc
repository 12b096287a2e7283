// From a configuration to instances that are created and validated, in start order.
#include <algorithm>
#include <strings.h>

#include <nlohmann/json.hpp>

#include "host/host_table.h"
#include "life/start_order.h"
#include "life/supervisor.h"
#include "life/supervisor_run.h"

namespace signet::kernel {
namespace {

std::string config_path(const Instance& instance) {
  return instance.type().empty() ? "" : "plugins." + instance.type() + "." + instance.short_name();
}

void log_loaded(Scope& scope, const Instance& instance) {
  scope.write(SIGNET_LOG_INFO, "Plugin loaded",
              {{"external", "false"},
               {"plugin_name", instance.short_name()},
               {"plugin_type", instance.type()},
               {"subsystem_name", "catalog"}});
  scope.write(SIGNET_LOG_DEBUG, "Plugin file",
              {{"path", instance.file().path},
               {"build_id", instance.file().build_id},
               {"version", instance.plugin().version}});
}

// The settings of the role's block that all plugins of the scope may read.
std::string shared_settings(const RoleInfo& role, const config::Checked& checked) {
  auto shared = nlohmann::ordered_json::object();
  const auto block = checked.value.find(role.block);
  if (block == checked.value.end()) return shared.dump();
  for (const std::string& key : role.share) {
    if (const auto value = block->find(key); value != block->end()) shared[key] = *value;
  }
  return shared.dump();
}

// A block's shared object, loaded and known to offer what its type asks for.
Result<const PluginFile*> load_block(const PluginBlock& block, const RoleInfo& role) {
  SIGNET_TRY(const PluginFile* file, load_plugin(block.file, block.pin));
  const std::string& service = role.type(block.type)->service;
  const auto& offered = file->note.services;
  if (std::find(offered.begin(), offered.end(), service) != offered.end()) return file;
  return Status::failed_precondition(block.file + ": does not offer " + service);
}

}  // namespace

void add_notes(const std::vector<ConfigNote>& notes, const Prepared& item, Findings& findings) {
  const std::string path = config_path(*item.instance);
  for (const ConfigNote& note : notes) {
    const std::string where = item.config->locate(note.pointer);
    const std::string text =
        (where.empty() ? "" : where + ": ") + (path.empty() ? "" : path + ": ") + note.message;
    (note.error ? findings.errors : findings.warnings).push_back(text);
  }
}

// Reads the configuration, loads, creates and validates. With `effects` the log is opened and
// the scope becomes one of the process's; without, nothing is left behind.
Status Supervisor::prepare(Run& run, Findings& findings, bool effects) {
  SIGNET_RETURN_IF_ERROR(load_support_libraries(process_.library_dir()));
  SIGNET_TRY(run.role, describe(*run.file));
  if (!run.wanted_scope.empty()) run.role.scope = run.wanted_scope;
  for (const auto& other : process_.scopes()) {
    if (other->name() == run.role.scope) {
      return Status::already_exists("scope \"" + run.role.scope + "\" runs already");
    }
  }
  SIGNET_TRY(const config::ConfigNode root, run.source.load());
  SIGNET_TRY(const Catalogue* catalogue, process_.catalogue());
  run.scope = std::make_shared<Scope>(
      process_, run.role.scope,
      effects ? std::make_shared<LogOutput>(LogOutput::Stream::kStdout, SIGNET_LOG_INFO)
              : process_.system()->shared_log());
  run.role_config = check_role_config(root, run.file->descriptor->config_schema, findings);
  run.blocks = read_plugin_blocks(root, run.role, *catalogue, findings);
  if (run.role_config) {
    apply_log(run, findings, effects);
    run.scope->set_shared(shared_settings(run.role, *run.role_config));
  }
  if (effects && findings.ok()) {
    if (process_.scopes().empty()) process_.system()->set_log(run.scope->shared_log());
    process_.add_scope(run.scope);
  }
  SIGNET_RETURN_IF_ERROR(create_instances(run, findings, effects));
  validate_instances(run, findings);
  put_in_order(run, *catalogue, findings);
  return {};
}

Status Supervisor::create_instances(Run& run, Findings& findings, bool effects) {
  for (const PluginBlock& block : run.blocks) {
    const auto refuse = [&](const Status& why) {
      findings.errors.push_back(block.position.to_string() + ": plugin " + block.title() + ": " +
                                why.message());
    };
    auto loaded = load_block(block, run.role);
    if (!loaded.ok()) {
      refuse(loaded.status());
      continue;
    }
    const PluginFile& file = **loaded;
    auto checked = check_plugin_config(block.data, file.descriptor->config_schema,
                                       block.path() + ".plugin_data", findings);
    if (Status s = ensure_system_needs(file); !s.ok()) return s.prefixed("plugin " + block.title());
    auto made = Instance::create(run.scope, file, block.type, block.name,
                                 run.scope->name() + "/" + block.type + "/" + block.name);
    if (!made.ok()) {
      refuse(made.status());
      continue;
    }
    run.scope->add(*made);
    run.prepared.push_back({*made, checked});
    if (effects) log_loaded(*run.scope, **made);
  }
  auto role =
      Instance::create(run.scope, *run.file, "", run.file->note.name, run.scope->name() + "/role");
  if (!role.ok()) return role.status().prefixed(run.file->note.name);
  run.scope->add(*role);
  run.prepared.push_back({*role, run.role_config});
  return {};
}

void Supervisor::validate_instances(Run& run, Findings& findings) {
  for (const Prepared& item : run.prepared) {
    if (!item.config) continue;
    item.instance->set_config(item.config);
    std::vector<ConfigNote> notes;
    const std::size_t before = findings.errors.size();
    const Status valid = item.instance->validate(*item.config, notes);
    add_notes(notes, item, findings);
    if (!valid.ok() && findings.errors.size() == before) {
      const std::string where = item.config->locate("");
      findings.errors.push_back((where.empty() ? "" : where + ": ") + item.instance->title() +
                                ": " + valid.message());
    }
  }
}

void Supervisor::put_in_order(Run& run, const Catalogue& catalogue, Findings& findings) {
  std::vector<OrderItem> items;
  for (const Prepared& item : run.prepared) {
    items.push_back({item.instance->title(), item.instance->file().note.services,
                     item.instance->needs(), item.instance->type().empty()});
  }
  for (const OrderItem& item : items) {
    for (const std::string& need : item.needs) {
      const bool inside = std::any_of(items.begin(), items.end(), [&](const OrderItem& other) {
        return std::find(other.offers.begin(), other.offers.end(), need) != other.offers.end();
      });
      const bool system = need.starts_with("signet.host.") &&
                          (kernel_offers(need.c_str()) || catalogue.with_service(need) != nullptr);
      if (inside || system) continue;
      findings.errors.push_back(item.name + " needs " + need +
                                ", which no configured plugin offers");
    }
  }
  auto order = start_order(items);
  if (!order.ok()) {
    findings.errors.push_back(order.status().message());
    return;
  }
  for (const std::size_t i : *order) run.ordered.push_back(run.prepared[i]);
}

// Level, form and file of the scope's log, from the role's block. Without `effects` they
// are only checked.
void Supervisor::apply_log(Run& run, Findings& findings, bool effects) {
  const auto block = run.role_config->value.find(run.role.block);
  if (block == run.role_config->value.end() || !block->is_object()) return;
  const auto text = [&](const char* key) {
    const auto value = block->find(key);
    return value != block->end() && value->is_string() ? value->get<std::string>() : std::string();
  };
  const auto fail = [&](const char* key, const std::string& message) {
    const std::string pointer = "/" + run.role.block + "/" + key;
    findings.errors.push_back(run.role_config->locate(pointer) + ": " + run.role.block + "." + key +
                              ": " + message);
  };
  LogOutput* const log = &run.scope->log();
  if (const std::string level = text("log_level"); !level.empty()) {
    const auto parsed = parse_level(level);
    if (!parsed) fail("log_level", "is not one of trace, debug, info, warn, error, fatal");
    if (parsed && effects) log->set_launch_level(*parsed);
  }
  if (const std::string format = text("log_format"); !format.empty()) {
    const bool json = strcasecmp(format.c_str(), "json") == 0;
    if (!json && strcasecmp(format.c_str(), "text") != 0) fail("log_format", "is not text or json");
    if (json && effects) log->set_format(LogOutput::Format::kJson);
  }
  if (const std::string file = text("log_file"); effects && !file.empty()) {
    process_.writes().add_file(file);
    if (const Status s = log->set_file(file); !s.ok()) fail("log_file", s.message());
  }
}

}  // namespace signet::kernel
