#include "life/instance.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "host/host_table.h"
#include "life/scope.h"

namespace signet::kernel {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCreateLimit{30'000};
constexpr milliseconds kValidateLimit{30'000};
constexpr milliseconds kConfigureLimit{60'000};
constexpr milliseconds kStartLimit{300'000};
constexpr milliseconds kStopLimit{15'000};

constexpr unsigned kLaneCap = 32;
constexpr std::size_t kLaneBound = 16384;

}  // namespace

// Life cycle calls are made while the instance takes no others.
class Instance::LifecycleOwner final : public CallOwner {
 public:
  explicit LifecycleOwner(Instance& instance) : instance_(instance) {}
  bool enter() override { return true; }
  void leave() override {}
  void zombie_born() override {}
  void zombie_gone() override {}
  void misbehaved(std::string_view what) override { instance_.misbehaved(what); }
  TimerQueue& timers() override { return instance_.timers(); }
  std::shared_ptr<Lane> callback_lane() override { return instance_.callback_lane(); }

 private:
  Instance& instance_;
};

Instance::Instance(std::shared_ptr<Scope> scope, const PluginFile& file, std::string type,
                   std::string short_name, std::string full_name)
    : scope_(std::move(scope)),
      file_(file),
      type_(std::move(type)),
      short_name_(std::move(short_name)),
      full_name_(std::move(full_name)),
      lane_(scope_->process().pool().make_lane(kLaneCap, kLaneBound)),
      lifecycle_(std::make_shared<LifecycleOwner>(*this)) {
  host_.struct_size = sizeof host_;
  host_.abi_major = SIGNET_ABI_MAJOR;
  host_.abi_minor = SIGNET_ABI_MINOR;
  host_.impl = this;
  host_.name = full_name_.c_str();
  host_.version = SIGNET_KERNEL_VERSION;
  host_.get_service = &host_get_service;
}

Instance::~Instance() = default;

Result<std::shared_ptr<Instance>> Instance::create(std::shared_ptr<Scope> scope,
                                                   const PluginFile& file, std::string type,
                                                   std::string short_name, std::string full_name) {
  std::shared_ptr<Instance> instance(new Instance(std::move(scope), file, std::move(type),
                                                  std::move(short_name), std::move(full_name)));
  // Held by the task itself: it may come back after the wait was given up.
  const auto made = std::make_shared<signet_instance*>(nullptr);
  const Status created =
      instance->invoke("create", kCreateLimit, false, [instance, made](signet_call*) {
        const std::string& name = instance->short_name_;
        return instance->plugin().create(&instance->host_, {name.data(), name.size()}, made.get());
      });
  if (!created.ok()) return created;
  if (*made == nullptr) return Status::internal("create made nothing");
  instance->self_ = *made;
  return instance;
}

std::string Instance::title() const {
  return type_.empty() ? file_.note.name : type_ + " \"" + short_name_ + "\"";
}

bool Instance::offers(std::string_view id) const {
  const auto& services = file_.note.services;
  return std::find(services.begin(), services.end(), id) != services.end();
}

const void* Instance::service(const char* id) {
  if (self_ == nullptr || !offers(id)) return nullptr;
  try {
    return plugin().get_service(self_, id);
  } catch (...) {
    misbehaved("threw out of get_service");
    return nullptr;
  }
}

std::vector<std::string> Instance::needs() const { return file_.note.needs; }

void Instance::set_config(std::shared_ptr<const config::Checked> checked) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(checked);
  located_.clear();
}

std::shared_ptr<const config::Checked> Instance::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

std::string_view Instance::locate(const std::string& json_pointer) {
  const std::lock_guard lock(mutex_);
  if (!config_) return {};
  const auto [found, added] = located_.try_emplace(json_pointer);
  if (added) found->second = config_->locate(json_pointer);
  return found->second;
}

namespace {

// What waits for a call; kept alive by the call too, since the waiter may give up first.
struct Waiter {
  std::mutex mutex;
  std::condition_variable changed;
  Call* call = nullptr;
  bool done = false;
  bool abandoned = false;
  signet_status code = SIGNET_OK;
  std::string text;
  std::function<void(std::uint32_t, const void*, std::size_t)> on_emit;
  std::function<signet_status(signet_call*)> fn;
  std::shared_ptr<CallOwner> owner;
  std::int64_t deadline = INT64_MAX;

  static void emitted(void* arg, std::uint32_t kind, const void* msg, std::size_t size) {
    Waiter& self = **static_cast<std::shared_ptr<Waiter>*>(arg);
    const std::lock_guard lock(self.mutex);
    if (!self.abandoned && self.on_emit) self.on_emit(kind, msg, size);
  }
  static void finished(void* arg, signet_status code, signet_str message) {
    const std::unique_ptr<std::shared_ptr<Waiter>> own(static_cast<std::shared_ptr<Waiter>*>(arg));
    Waiter& self = **own;
    const std::lock_guard lock(self.mutex);
    self.code = code;
    if (message.ptr != nullptr) self.text.assign(message.ptr, message.len);
    self.done = true;
    self.call = nullptr;
    self.changed.notify_all();
  }
};

constexpr signet_sink kWaiterSink = {sizeof(signet_sink), 0, &Waiter::emitted, &Waiter::finished};

void run_waiter(const std::shared_ptr<Waiter>& waiter) {
  auto* hold = new std::shared_ptr<Waiter>(waiter);
  Call* call = Call::begin(waiter->owner, waiter->deadline, &kWaiterSink, hold);
  {
    const std::lock_guard lock(waiter->mutex);
    waiter->call = call;
  }
  signet_status returned = SIGNET_INTERNAL;
  try {
    returned = waiter->fn(call->abi());
  } catch (const std::exception& e) {
    const std::string text = std::string("an exception crossed the plugin's border: ") + e.what();
    call->abi()->ops->fail(call->abi(), SIGNET_INTERNAL, {text.data(), text.size()});
  } catch (...) {
    constexpr std::string_view kText = "an exception crossed the plugin's border";
    call->abi()->ops->fail(call->abi(), SIGNET_INTERNAL, {kText.data(), kText.size()});
  }
  call->end(returned);
}

}  // namespace

Status Instance::invoke(
    std::string_view what, milliseconds limit, bool stoppable,
    const std::function<signet_status(signet_call*)>& fn,
    const std::function<void(std::uint32_t, const void*, std::size_t)>& on_emit) {
  auto waiter = std::make_shared<Waiter>();
  waiter->fn = fn;
  waiter->on_emit = on_emit;
  waiter->owner = lifecycle_;
  const bool endless = limit == milliseconds::max();
  if (!endless) waiter->deadline = monotonic_ns() + limit.count() * 1'000'000;
  if (!scope_->process().kernel_lane()->post([waiter] { run_waiter(waiter); })) {
    return Status::resource_exhausted("no worker is free");
  }
  std::unique_lock lock(waiter->mutex);
  bool told = false;
  while (!waiter->done) {
    waiter->changed.wait_for(lock, milliseconds(100));
    if (waiter->done) break;
    // A second past the deadline, the call's own zombie rule has had its chance.
    const bool late = !endless && monotonic_ns() > waiter->deadline + 1'000'000'000;
    if (late) {
      waiter->abandoned = true;
      lost_.store(true);
      keep_for_ever();
      return Status::deadline_exceeded(std::string(what) + " did not return within " +
                                       std::to_string(limit.count() / 1000) + " s");
    }
    if (!told && waiter->call != nullptr && stoppable && scope_->process().stop_requested()) {
      told = true;
      Call* call = waiter->call;
      lock.unlock();
      call->cancel();
      lock.lock();
    }
  }
  if (waiter->code == SIGNET_OK) return {};
  std::string text = waiter->text.empty() ? std::string(what) + " failed" : waiter->text;
  return Status(static_cast<Code>(waiter->code), std::move(text));
}

namespace {

std::function<void(std::uint32_t, const void*, std::size_t)> note_collector(
    std::vector<ConfigNote>& notes) {
  return [&notes](std::uint32_t kind, const void* msg, std::size_t size) {
    constexpr std::size_t kMaxNotes = 256;
    if (kind != SIGNET_KIND_NOTE || size < sizeof(signet_note) || notes.size() >= kMaxNotes) return;
    const auto* note = static_cast<const signet_note*>(msg);
    const auto text = [](signet_str s) {
      return s.ptr ? std::string(s.ptr, s.len) : std::string();
    };
    notes.push_back({note->error != 0, text(note->pointer), text(note->message)});
  };
}

signet_bytes as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Status Instance::validate(const config::Checked& checked, std::vector<ConfigNote>& notes) {
  if (plugin().validate == nullptr) return {};
  const auto json = std::make_shared<const std::string>(checked.value.dump());
  return invoke(
      "validate", kValidateLimit, true,
      [this, json](signet_call* call) { return plugin().validate(self_, call, as_bytes(*json)); },
      note_collector(notes));
}

Status Instance::configure(const std::shared_ptr<const config::Checked>& checked,
                           std::vector<ConfigNote>& notes) {
  const auto before = config();
  set_config(checked);  // locate() answers for the new one while the plugin reads it
  Status done;
  if (plugin().configure != nullptr) {
    const auto json = std::make_shared<const std::string>(checked->value.dump());
    done = invoke(
        "configure", kConfigureLimit, true,
        [this, json](signet_call* call) {
          return plugin().configure(self_, call, as_bytes(*json));
        },
        note_collector(notes));
  }
  if (!done.ok()) {
    set_config(before);
    return done;
  }
  configured_ = true;
  accepting_.store(true);
  return {};
}

Status Instance::start() {
  started_ = true;  // also a failed start is followed by stop
  if (plugin().start == nullptr) return {};
  Status done = invoke("start", kStartLimit, true,
                       [this](signet_call* call) { return plugin().start(self_, call); });
  start_failed_ = !done.ok();
  return done;
}

void Instance::drain(milliseconds limit) {
  if (!started_ || start_failed_ || lost_.load() || plugin().drain == nullptr) return;
  const Status done = invoke("drain", limit, false,
                             [this](signet_call* call) { return plugin().drain(self_, call); });
  if (!done.ok()) {
    const std::string& reason = done.message();
    scope_->write(SIGNET_LOG_WARN, "Plugin did not drain",
                  {{"plugin", full_name_}, {"error", reason}});
  }
}

void Instance::stop() {
  accepting_.store(false);
  if (!started_) return;
  started_ = false;
  if (plugin().stop == nullptr || lost_.load()) return;
  const Status done = invoke("stop", kStopLimit, false,
                             [this](signet_call* call) { return plugin().stop(self_, call); });
  if (!done.ok()) {
    const std::string& reason = done.message();
    scope_->write(SIGNET_LOG_WARN, "Plugin did not stop",
                  {{"plugin", full_name_}, {"error", reason}});
  }
}

bool Instance::wait_idle(milliseconds limit) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, limit, [&] { return in_flight_.load() == 0; });
}

void Instance::destroy() {
  if (self_ == nullptr) return;
  accepting_.store(false);
  lane_->close();
  if (lost_.load() || !lane_->wait_quiet(milliseconds(2000)) || !wait_idle(milliseconds(2000))) {
    // Freeing what a call still uses would be worse than not freeing it.
    scope_->write(SIGNET_LOG_WARN, "Plugin still has calls open; it is left as it is",
                  {{"plugin", full_name_}});
    keep_for_ever();
    return;
  }
  try {
    plugin().destroy(self_);
  } catch (...) {
    misbehaved("threw out of destroy");
  }
  self_ = nullptr;
}

// Something of the plugin still runs and may use host_ and the scope.
void Instance::keep_for_ever() { scope_->process().bury(shared_from_this()); }

bool Instance::enter() {
  in_flight_.fetch_add(1);
  if (accepting_.load()) return true;
  leave();
  return false;
}

void Instance::leave() {
  if (in_flight_.fetch_sub(1) == 1 && !accepting_.load()) {
    const std::lock_guard lock(mutex_);
    idle_.notify_all();
  }
}

void Instance::zombie_born() {
  const int now = zombies_.fetch_add(1) + 1;
  const std::int64_t count = now;
  scope_->write(SIGNET_LOG_WARN, "Plugin holds a call past its deadline",
                {{"plugin", full_name_}, {"open", {}, count, SIGNET_FIELD_NUMBER}});
  if (now == kMaxZombies) {
    scope_->write(SIGNET_LOG_ERROR, "Plugin holds too many calls past their deadline",
                  {{"plugin", full_name_}});
    scope_->set_health("plugin." + full_name_, {true, false, {}});
  }
}

void Instance::zombie_gone() {
  if (zombies_.fetch_sub(1) == kMaxZombies)
    scope_->set_health("plugin." + full_name_, {true, true, {}});
}

void Instance::misbehaved(std::string_view what) {
  scope_->write(SIGNET_LOG_ERROR, "Plugin broke the contract",
                {{"plugin", full_name_}, {"reason", what}});
}

TimerQueue& Instance::timers() { return scope_->process().timers(); }
std::shared_ptr<Lane> Instance::callback_lane() { return scope_->process().kernel_lane(); }

}  // namespace signet::kernel
