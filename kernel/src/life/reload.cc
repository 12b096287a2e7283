// What changes while a scope runs: SIGHUP reads the whole configuration again, SIGUSR1 only
// the files named by plugin_data_file.
#include <algorithm>

#include "life/supervisor.h"
#include "life/supervisor_run.h"

namespace signet::kernel {
namespace {

void refuse(Scope& scope, const std::string& what) {
  scope.write(SIGNET_LOG_WARN,
              "Setting cannot change while running; it takes effect with a restart",
              {{"setting", what}});
}

// Names of settings that differ, one level below the top: "server.ca_ttl".
std::vector<std::string> differences(const nlohmann::ordered_json& before,
                                     const nlohmann::ordered_json& after, const std::string& path,
                                     int depth) {
  std::vector<std::string> out;
  if (before == after) return out;
  if (depth == 0 || !before.is_object() || !after.is_object()) return {path};
  const auto visit = [&](const std::string& key) {
    const auto old_value = before.contains(key) ? before.at(key) : nlohmann::ordered_json();
    const auto new_value = after.contains(key) ? after.at(key) : nlohmann::ordered_json();
    auto below =
        differences(old_value, new_value, path.empty() ? key : path + "." + key, depth - 1);
    out.insert(out.end(), below.begin(), below.end());
  };
  for (const auto& [key, value] : before.items()) visit(key);
  for (const auto& [key, value] : after.items()) {
    if (!before.contains(key)) visit(key);
  }
  return out;
}

}  // namespace

void Supervisor::reconfigure(Run& run, std::size_t index, const PluginBlock& next) {
  Scope& scope = *run.scope;
  PluginBlock& block = run.blocks[index];
  const auto instance = run.instance_of(block);
  if (!instance) return;
  Findings findings;
  const auto checked = check_plugin_config(next.data, instance->plugin().config_schema,
                                           block.path() + ".plugin_data", findings);
  for (const std::string& error : findings.errors)
    scope.write(SIGNET_LOG_ERROR, "Configuration is invalid", {{"error", error}});
  if (!checked || checked->value == instance->config()->value) return;
  std::vector<ConfigNote> notes;
  const Status done = instance->configure(checked, notes);
  const std::vector<LogField> fields = {
      {"plugin_name", block.name}, {"plugin_type", block.type}, {"subsystem_name", "catalog"}};
  if (done.ok()) {
    scope.write(SIGNET_LOG_INFO, "Plugin reconfigured", fields);
    block.data = next.data;
    block.data_hash = next.data_hash;
    return;
  }
  auto with_error = fields;
  with_error.push_back({"error", done.message()});
  scope.write(SIGNET_LOG_ERROR, "Failed to reconfigure plugin", with_error);
}

void Supervisor::reload_run(Run& run) {
  Scope& scope = *run.scope;
  auto root = run.source.load();
  if (!root.ok()) {
    const std::string reason = root.status().message();
    scope.write(SIGNET_LOG_ERROR, "Configuration could not be read; nothing changed",
                {{"error", reason}});
    return;
  }
  auto catalogue = process_.catalogue();
  if (!catalogue.ok()) return;
  Findings findings;
  const auto role_config = check_role_config(*root, run.file->descriptor->config_schema, findings);
  const auto blocks = read_plugin_blocks(*root, run.role, **catalogue, findings);
  if (!findings.ok() || !role_config) {
    for (const std::string& error : findings.errors)
      scope.write(SIGNET_LOG_ERROR, "Configuration is invalid; nothing changed",
                  {{"error", error}});
    return;
  }
  const std::string level_key = run.role.block + ".log_level";
  for (const std::string& key : differences(run.role_config->value, role_config->value, "", 2)) {
    if (key != level_key) {
      refuse(scope, key);
      continue;
    }
    const auto level = role_config->value.at(run.role.block).value("log_level", "info");
    if (const auto parsed = parse_level(level)) {
      scope.log().set_launch_level(*parsed);
      // Compared with next time; everything else keeps the values that are in force.
      auto in_force = std::make_shared<config::Checked>(*run.role_config);
      in_force->value[run.role.block]["log_level"] = level;
      run.role_config = in_force;
      scope.write(SIGNET_LOG_INFO, "Log level changed", {{"log_level", level}});
    } else {
      scope.write(SIGNET_LOG_ERROR, "Configuration is invalid",
                  {{"error", level_key + ": not a log level"}});
    }
  }
  for (std::size_t i = 0; i < run.blocks.size(); ++i) {
    const auto same = std::find_if(blocks.begin(), blocks.end(), [&](const PluginBlock& b) {
      return b.type == run.blocks[i].type && b.name == run.blocks[i].name;
    });
    if (same == blocks.end() || !same->same_code(run.blocks[i])) {
      refuse(scope, run.blocks[i].path());
    } else {
      reconfigure(run, i, *same);
    }
  }
  for (const PluginBlock& block : blocks) {
    if (!run.instance_of(block)) refuse(scope, block.path());
  }
}

void Supervisor::reload() {
  const std::lock_guard lock(reload_mutex_);
  for (const auto& run : runs()) {
    if (run->source.path.empty()) continue;
    run->scope->write(SIGNET_LOG_INFO, "Reading the configuration again",
                      {{"path", run->source.path}});
    reload_run(*run);
  }
}

void Supervisor::reread_data_files() {
  const std::lock_guard lock(reload_mutex_);
  for (const auto& run : runs()) {
    for (std::size_t i = 0; i < run->blocks.size(); ++i) {
      PluginBlock next = run->blocks[i];
      const RoleInfo::Type* const type = run->role.type(next.type);
      if (next.data_file.empty() || type == nullptr || !type->reread) continue;
      if (const Status s = read_data_file(next); !s.ok()) {
        run->scope->write(
            SIGNET_LOG_ERROR, "Failed to reconfigure plugin",
            {{"plugin_name", next.name}, {"plugin_type", next.type}, {"error", s.message()}});
        continue;
      }
      if (next.data_hash != run->blocks[i].data_hash) reconfigure(*run, i, next);
    }
  }
}

}  // namespace signet::kernel
