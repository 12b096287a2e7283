#include "life/scope.h"

#include <algorithm>
#include <utility>

namespace signet::kernel {

Scope::Scope(Process& process, std::string name, std::shared_ptr<LogOutput> log)
    : process_(process), name_(std::move(name)), log_(log.get()), logs_{std::move(log)} {}

std::shared_ptr<LogOutput> Scope::shared_log() const {
  const std::lock_guard lock(mutex_);
  return logs_.back();
}

void Scope::set_log(std::shared_ptr<LogOutput> log) {
  const std::lock_guard lock(mutex_);
  // The one before is kept: a writer may be using it. It changes once per scope started.
  log_.store(log.get(), std::memory_order_release);
  if (logs_.back() != log) logs_.push_back(std::move(log));
}

void Scope::write(std::uint32_t level, std::string_view message,
                  const std::vector<LogField>& fields) {
  LogOutput& out = log();
  if (!out.enabled(level)) return;
  std::vector<LogField> all;
  if (!name_.empty() && process_.many_scopes()) all.push_back({"scope", name_});
  all.insert(all.end(), fields.begin(), fields.end());
  out.write(level, message, std::move(all));
}

void Scope::add(std::shared_ptr<Instance> instance) {
  const std::lock_guard lock(mutex_);
  instances_.push_back(std::move(instance));
}

void Scope::remove(const Instance* instance) {
  const std::lock_guard lock(mutex_);
  std::erase_if(instances_, [&](const auto& held) { return held.get() == instance; });
}

std::vector<std::shared_ptr<Instance>> Scope::instances() const {
  const std::lock_guard lock(mutex_);
  return instances_;
}

void Scope::set_health(std::string subsystem, Health health) {
  const std::lock_guard lock(mutex_);
  health_[std::move(subsystem)] = std::move(health);
}

bool Scope::ready() const {
  if (name_.empty()) {  // the process is as ready as all that runs in it
    const auto scopes = process_.scopes();
    return !scopes.empty() &&
           std::all_of(scopes.begin(), scopes.end(), [](const auto& s) { return s->ready(); });
  }
  const std::lock_guard lock(mutex_);
  return !health_.empty() &&
         std::all_of(health_.begin(), health_.end(), [](const auto& h) { return h.second.ready; });
}

std::map<std::string, Scope::Health> Scope::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

Process::Process(std::string library_dir, std::string plugin_dir, LogOutput::Stream stream,
                 std::uint32_t level)
    : library_dir_(std::move(library_dir)),
      plugin_dir_(std::move(plugin_dir)),
      pool_(std::make_unique<WorkerPool>()),
      kernel_lane_(pool_->make_lane(32, 65536)),
      system_(std::make_shared<Scope>(*this, "", std::make_shared<LogOutput>(stream, level))) {}

Process::~Process() {
  timers_.stop();
  kernel_lane_.reset();
  pool_.reset();
}

Result<const Catalogue*> Process::catalogue() {
  const std::lock_guard lock(mutex_);
  if (!catalogue_) {
    SIGNET_TRY(Catalogue scanned, Catalogue::scan(plugin_dir_));
    catalogue_ = std::make_unique<Catalogue>(std::move(scanned));
  }
  return catalogue_.get();
}

void Process::add_scope(std::shared_ptr<Scope> scope) {
  const std::lock_guard lock(mutex_);
  scopes_.push_back(std::move(scope));
  scope_count_.store(scopes_.size());
}

void Process::remove_scope(const Scope* scope) {
  const std::lock_guard lock(mutex_);
  std::erase_if(scopes_, [&](const auto& held) { return held.get() == scope; });
  scope_count_.store(scopes_.size());
}

std::vector<std::shared_ptr<Scope>> Process::scopes() const {
  const std::lock_guard lock(mutex_);
  return scopes_;
}

void Process::quit(int code, const std::string& reason) {
  std::function<void(int, const std::string&)> tell;
  {
    const std::lock_guard lock(mutex_);
    if (quit_code_) return;
    quit_code_ = code;
    tell = on_quit_;
  }
  request_stop();
  if (tell) tell(code, reason);
}

std::optional<int> Process::quit_code() const {
  const std::lock_guard lock(mutex_);
  return quit_code_;
}

void Process::bury(std::shared_ptr<void> object) {
  const std::lock_guard lock(mutex_);
  buried_.push_back(std::move(object));
}

void Process::on_quit(std::function<void(int, const std::string&)> fn) {
  const std::lock_guard lock(mutex_);
  on_quit_ = std::move(fn);
}

}  // namespace signet::kernel
