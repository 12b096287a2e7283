#include "life/supervisor.h"

#include <algorithm>
#include <chrono>

#include "signet/abi/role.h"

#include "host/host_table.h"
#include "life/supervisor_run.h"

namespace signet::kernel {
namespace {

using std::chrono::milliseconds;

}  // namespace

Supervisor::Supervisor(Process& process) : process_(process) { process_.set_supervisor(this); }

std::vector<std::shared_ptr<Supervisor::Run>> Supervisor::runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

Result<RoleInfo> Supervisor::describe(const PluginFile& file) {
  SIGNET_RETURN_IF_ERROR(ensure_system_needs(file));
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = described_.find(&file); known != described_.end()) return known->second;
  }
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
  const std::lock_guard lock(mutex_);
  described_.emplace(&file, *info);
  return info;
}

// Configures all in order, then starts all in order.
Status Supervisor::bring_up(Run& run) {
  for (const Prepared& item : run.ordered) {
    if (process_.stop_requested()) return Status::cancelled("the process was told to stop");
    std::vector<ConfigNote> notes;
    const Status done = item.instance->configure(item.config, notes);
    Findings findings;
    add_notes(notes, item, findings);
    for (const std::string& warning : findings.warnings) run.scope->write(SIGNET_LOG_WARN, warning);
    if (!done.ok()) {
      std::string text = done.message();
      for (const std::string& error : findings.errors) text += "\n" + error;
      return Status(done.code(), item.instance->title() + ": " + text);
    }
  }
  if (const auto settle = std::exchange(on_configured_, nullptr)) SIGNET_RETURN_IF_ERROR(settle());
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
