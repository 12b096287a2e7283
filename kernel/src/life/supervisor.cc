#include "life/supervisor.h"

#include <algorithm>
#include <chrono>
#include <strings.h>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "host/host_table.h"
#include "life/start_order.h"
#include "life/supervisor_run.h"

namespace signet::kernel {
namespace {

using std::chrono::milliseconds;
using Checked = config::Checked;

// A finding of the plugin itself, with the position of the setting it points at.
void add_notes(const std::vector<ConfigNote>& notes, const Checked& checked,
               const std::string& path, Findings& findings) {
  for (const ConfigNote& note : notes) {
    const std::string where = checked.locate(note.pointer);
    const std::string text =
        (where.empty() ? "" : where + ": ") + (path.empty() ? "" : path + ": ") + note.message;
    (note.error ? findings.errors : findings.warnings).push_back(text);
  }
}

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

}  // namespace

Supervisor::Supervisor(Process& process) : process_(process) { process_.set_supervisor(this); }

std::vector<std::shared_ptr<Supervisor::Run>> Supervisor::runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

Result<RoleInfo> Supervisor::describe(const PluginFile& file) {
  SIGNET_RETURN_IF_ERROR(ensure_system_needs(file));
  const auto scratch =
      std::make_shared<Scope>(process_, "describe", process_.system()->shared_log());
  auto made = Instance::create(scratch, file, "", file.note.name, "describe/" + file.note.name);
  if (!made.ok()) return made.status().prefixed(file.note.name);
  const auto instance = std::move(made).value();
  const auto* role = static_cast<const signet_role*>(instance->service(SIGNET_ROLE));
  Result<RoleInfo> info = Status::failed_precondition(file.note.name + " is not a role");
  if (role != nullptr && SIGNET_HAS(role, signet_role, describe)) {
    const signet_str text = role->describe();
    info = parse_role_info({text.ptr, text.len});
  }
  instance->destroy();
  if (!info.ok()) return info.status().prefixed(file.note.name);
  return info;
}

// Reads the configuration, loads, creates and validates. `effects`: open the log file too.
Status Supervisor::prepare(Run& run, Findings& findings, bool effects) {
  SIGNET_RETURN_IF_ERROR(load_support_libraries(process_.library_dir()));
  SIGNET_TRY(run.role, describe(*run.file));
  if (!run.wanted_scope.empty()) run.role.scope = run.wanted_scope;
  for (const auto& other : process_.scopes()) {
    if (other->name() == run.role.scope)
      return Status::already_exists("scope \"" + run.role.scope + "\" runs already");
  }
  SIGNET_TRY(const config::ConfigNode root, run.source.load());
  SIGNET_TRY(const Catalogue* catalogue, process_.catalogue());

  auto log = effects ? std::make_shared<LogOutput>(LogOutput::Stream::kStdout, SIGNET_LOG_INFO)
                     : process_.system()->shared_log();
  run.scope = std::make_shared<Scope>(process_, run.role.scope, log);
  run.role_config = check_role_config(root, run.file->descriptor->config_schema, findings);
  run.blocks = read_plugin_blocks(root, run.role, *catalogue, findings);
  if (effects && run.role_config) apply_log(run, findings);
  if (run.role_config) {
    auto shared = nlohmann::ordered_json::object();
    if (const auto block = run.role_config->value.find(run.role.block);
        block != run.role_config->value.end()) {
      for (const std::string& key : run.role.share) {
        if (const auto value = block->find(key); value != block->end()) shared[key] = *value;
      }
    }
    run.scope->set_shared(shared.dump());
  }
  if (effects && findings.ok()) {
    if (process_.scopes().empty()) process_.system()->set_log(run.scope->shared_log());
    process_.add_scope(run.scope);
  }

  for (const PluginBlock& block : run.blocks) {
    auto loaded = load_plugin(block.file, block.pin);
    if (!loaded.ok()) {
      findings.errors.push_back(block.position.to_string() + ": plugin " + block.title() + ": " +
                                loaded.status().message());
      continue;
    }
    const PluginFile& file = **loaded;
    const std::string& service = run.role.type(block.type)->service;
    if (std::find(file.note.services.begin(), file.note.services.end(), service) ==
        file.note.services.end()) {
      findings.errors.push_back(block.position.to_string() + ": plugin " + block.title() + ": " +
                                block.file + ": does not offer " + service);
      continue;
    }
    auto checked = check_plugin_config(block.data, file.descriptor->config_schema,
                                       block.path() + ".plugin_data", findings);
    if (Status s = ensure_system_needs(file); !s.ok()) return s.prefixed("plugin " + block.title());
    auto made = Instance::create(run.scope, file, block.type, block.name,
                                 run.scope->name() + "/" + block.type + "/" + block.name);
    if (!made.ok()) {
      findings.errors.push_back(block.position.to_string() + ": plugin " + block.title() + ": " +
                                made.status().message());
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

  for (const Prepared& item : run.prepared) {
    if (!item.config) continue;
    item.instance->set_config(item.config);
    std::vector<ConfigNote> notes;
    const std::size_t before = findings.errors.size();
    const Status valid = item.instance->validate(*item.config, notes);
    add_notes(notes, *item.config, config_path(*item.instance), findings);
    if (!valid.ok() && findings.errors.size() == before) {
      const std::string where = item.config->locate("");
      findings.errors.push_back((where.empty() ? "" : where + ": ") + item.instance->title() +
                                ": " + valid.message());
    }
  }

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
                          (kernel_offers(need.c_str()) || catalogue->with_service(need) != nullptr);
      if (inside || system) continue;
      findings.errors.push_back(item.name + " needs " + need +
                                ", which no configured plugin offers");
    }
  }
  auto order = start_order(items);
  if (!order.ok()) {
    findings.errors.push_back(order.status().message());
    return {};
  }
  for (const std::size_t i : *order) run.ordered.push_back(run.prepared[i]);
  return {};
}

void Supervisor::apply_log(Run& run, Findings& findings) {
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
    if (const auto parsed = parse_level(level)) {
      log->set_launch_level(*parsed);
    } else {
      fail("log_level", "not a log level; they are trace, debug, info, warn, error, fatal");
    }
  }
  if (const std::string format = text("log_format"); !format.empty()) {
    if (strcasecmp(format.c_str(), "json") == 0) {
      log->set_format(LogOutput::Format::kJson);
    } else if (strcasecmp(format.c_str(), "text") != 0) {
      fail("log_format", "must be text or json");
    }
  }
  if (const std::string file = text("log_file"); !file.empty()) {
    if (const Status s = log->set_file(file); !s.ok()) fail("log_file", s.message());
  }
}

// Configures all in order, then starts all in order.
Status Supervisor::bring_up(Run& run) {
  for (const Prepared& item : run.ordered) {
    if (process_.stop_requested()) return Status::cancelled("the process was told to stop");
    std::vector<ConfigNote> notes;
    const Status done = item.instance->configure(item.config, notes);
    Findings findings;
    add_notes(notes, *item.config, config_path(*item.instance), findings);
    for (const std::string& warning : findings.warnings) run.scope->write(SIGNET_LOG_WARN, warning);
    if (!done.ok()) {
      std::string text = done.message();
      for (const std::string& error : findings.errors) text += "\n" + error;
      return Status(done.code(), item.instance->title() + ": " + text);
    }
  }
  for (const Prepared& item : run.ordered) {
    if (process_.stop_requested()) return Status::cancelled("the process was told to stop");
    run.began.push_back(item.instance.get());
    if (const Status done = item.instance->start(); !done.ok())
      return done.prefixed(item.instance->title());
  }
  return {};
}

void Supervisor::bring_down(Run& run) {
  const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(run.role.drain).count();
  for (auto instance = run.began.rbegin(); instance != run.began.rend(); ++instance) {
    const auto left = std::max<std::int64_t>((until - monotonic_ns()) / 1'000'000, 250);
    (*instance)->drain(milliseconds(left));
    (*instance)->stop();
  }
  run.began.clear();
  std::vector<Prepared>& all = run.ordered.empty() ? run.prepared : run.ordered;
  for (auto item = all.rbegin(); item != all.rend(); ++item) {
    item->instance->stop();  // no calls are taken any more, also by those that never started
    item->instance->destroy();
    if (run.scope) run.scope->remove(item->instance.get());
  }
  run.ordered.clear();
  run.prepared.clear();
  if (run.scope) process_.remove_scope(run.scope.get());
}

Status Supervisor::start_role(const PluginFile& file, ConfigSource source, std::string scope) {
  auto run = std::make_shared<Run>();
  run->file = &file;
  run->source = std::move(source);
  run->wanted_scope = std::move(scope);
  Findings findings;
  Status done = prepare(*run, findings, true);
  if (done.ok()) done = findings.status();
  if (done.ok()) {
    for (const std::string& warning : findings.warnings)
      run->scope->write(SIGNET_LOG_WARN, warning);
    {
      const std::lock_guard lock(mutex_);
      runs_.push_back(run);  // before bring_up: a role that starts others began before them
    }
    done = bring_up(*run);
    if (!done.ok()) {
      const std::lock_guard lock(mutex_);
      std::erase(runs_, run);
    }
  }
  if (!done.ok()) bring_down(*run);
  return done;
}

Status Supervisor::start_scope(const std::string& role, const std::string& scope,
                               std::string_view json) {
  SIGNET_TRY(const Catalogue* catalogue, process_.catalogue());
  const PluginFile* known = catalogue->named(role);
  if (known == nullptr)
    return Status::not_found("no role " + role + " in " + catalogue->directory());
  SIGNET_TRY(const PluginFile* file, load_plugin(known->path, ""));
  ConfigSource source;
  source.text = json;
  return start_role(*file, std::move(source), scope);
}

Status Supervisor::stop_scope(const std::string& scope) {
  std::shared_ptr<Run> run;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(runs_.begin(), runs_.end(),
                                    [&](const auto& r) { return r->scope->name() == scope; });
    if (found == runs_.end()) return Status::not_found("no scope \"" + scope + "\"");
    run = *found;
    runs_.erase(found);
  }
  bring_down(*run);
  return {};
}

Findings Supervisor::validate_role(const PluginFile& file, const ConfigSource& source) {
  Run run;
  run.file = &file;
  run.source = source;
  Findings findings;
  if (const Status s = prepare(run, findings, false); !s.ok())
    findings.errors.push_back(s.message());
  bring_down(run);
  return findings;
}

Status Supervisor::ensure_system_needs(const PluginFile& plugin) {
  for (const std::string& need : plugin.note.needs) {
    if (need.starts_with("signet.host.") && !kernel_offers(need.c_str()))
      SIGNET_RETURN_IF_ERROR(ensure_system(need));
  }
  return {};
}

Status Supervisor::ensure_system(const std::string& id) {
  for (const auto& instance : process_.system()->instances()) {
    if (instance->offers(id)) return {};
  }
  SIGNET_RETURN_IF_ERROR(load_support_libraries(process_.library_dir()));
  SIGNET_TRY(const Catalogue* catalogue, process_.catalogue());
  const PluginFile* known = catalogue->with_service(id);
  if (known == nullptr)
    return Status::not_found("needs " + id + ", which no plugin in " + catalogue->directory() +
                             " offers");
  SIGNET_TRY(const PluginFile* file, load_plugin(known->path, ""));
  SIGNET_RETURN_IF_ERROR(ensure_system_needs(*file));
  const std::lock_guard lock(system_mutex_);
  for (const auto& instance : process_.system()->instances()) {
    if (instance->offers(id)) return {};
  }
  const auto named = [&](const Status& s) {
    return s.prefixed("system plugin " + file->note.name);
  };
  Findings findings;
  const auto empty = config::ConfigNode::object(config::named_source("default"));
  auto checked =
      check_plugin_config(empty, file->descriptor->config_schema, file->note.name, findings);
  if (!checked) return named(findings.status());
  auto made = Instance::create(process_.system(), *file, "", file->note.name, file->note.name);
  if (!made.ok()) return named(made.status());
  const auto instance = std::move(made).value();
  std::vector<ConfigNote> notes;
  Status done = instance->configure(checked, notes);
  if (done.ok()) done = instance->start();
  if (!done.ok()) {
    instance->stop();
    instance->destroy();
    return named(done);
  }
  process_.system()->add(instance);
  system_.push_back(instance);
  return {};
}

void Supervisor::stop_all() {
  for (;;) {
    std::shared_ptr<Run> run;
    {
      const std::lock_guard lock(mutex_);
      if (runs_.empty()) break;
      run = runs_.back();
      runs_.pop_back();
    }
    bring_down(*run);
  }
  const std::lock_guard lock(system_mutex_);
  for (auto instance = system_.rbegin(); instance != system_.rend(); ++instance) {
    (*instance)->drain(milliseconds(2000));
    (*instance)->stop();
    (*instance)->destroy();
    process_.system()->remove(instance->get());
  }
  system_.clear();
}

void Supervisor::reopen_logs() {
  for (const auto& scope : process_.scopes()) {
    const Status done = scope->log().reopen();
    if (!done.ok())
      scope->write(SIGNET_LOG_ERROR, "Could not reopen the log file", {{"error", done.message()}});
  }
}

}  // namespace signet::kernel
