#include "app/app.h"

#include <cstdio>
#include <cstdlib>
#include <limits.h>
#include <memory>
#include <optional>
#include <signal.h>
#include <unistd.h>

#include "signet/abi/role.h"

#include "app/harden.h"
#include "app/kernel_words.h"
#include "app/run_loop.h"
#include "app/signals.h"
#include "host/host_table.h"

namespace signet::kernel {
namespace {

constexpr std::int64_t kCommandGraceNs = 2'000'000'000;

// What a command's run() emitted.
struct Plan {
  bool given = false;
  bool validate_only = false;
  ConfigSource source;
};

void take_plan(Plan& plan, std::uint32_t kind, const void* msg, std::size_t size) {
  if (kind != SIGNET_KIND_RUN_PLAN || size < sizeof(signet_run_plan)) return;
  const auto* sent = static_cast<const signet_run_plan*>(msg);
  plan.given = true;
  plan.validate_only = sent->validate_only != 0;
  plan.source.expand_env = sent->expand_env != 0;
  if (sent->config_path.ptr != nullptr)
    plan.source.path.assign(sent->config_path.ptr, sent->config_path.len);
  if (sent->overrides.ptr != nullptr) {
    plan.source.overrides.assign(reinterpret_cast<const char*>(sent->overrides.ptr),
                                 sent->overrides.len);
  }
}

int fail(const std::string& message) {
  std::fprintf(stderr, "Error: %s\n", message.c_str());
  return 1;
}

// Runs the plugin's command on an instance that is only created. Its exit code, or a plan.
int run_command(Process& process, const PluginFile& file, const std::vector<std::string>& words,
                Plan& plan) {
  auto made =
      Instance::create(process.system(), file, "", file.note.name, "command/" + file.note.name);
  if (!made.ok()) return fail(file.note.name + ": " + made.status().message());
  const auto instance = std::move(made).value();
  const auto* command = static_cast<const signet_command*>(instance->service(SIGNET_COMMAND));
  if (command == nullptr || !SIGNET_HAS(command, signet_command, run)) {
    instance->destroy();
    return fail(file.note.name + ": its note lists command words, but it offers no " +
                SIGNET_COMMAND);
  }
  std::vector<signet_str> argv;
  for (const std::string& word : words) argv.push_back({word.data(), word.size()});
  const std::int32_t fds[3] = {0, 1, 2};
  std::int32_t exit_code = 0;
  // Ctrl-C asks the command to end, and ends the process when it does not.
  int signalled = 0;
  auto signals = std::make_unique<SignalThread>([&](int signal) {
    if (signal == SIGUSR1 || signal == SIGUSR2) return;
    if (process.stop_requested()) _exit(128 + signal);
    signalled = signal;
    process.request_stop();
    static int code = 128 + signal;
    process.timers().start(
        process.kernel_lane(), monotonic_ns() + kCommandGraceNs, 0,
        [](void* arg) { _exit(*static_cast<int*>(arg)); }, &code);
  });
  const Status done = instance->invoke(
      "command", std::chrono::milliseconds::max(), true,
      [&](signet_call* call) {
        return command->run(instance->self(), call, argv.data(), argv.size(), fds, &exit_code);
      },
      [&](std::uint32_t kind, const void* msg, std::size_t size) {
        take_plan(plan, kind, msg, size);
      });
  signals.reset();
  instance->destroy();
  if (signalled != 0) {
    plan.given = false;
    return done.ok() ? exit_code : 128 + signalled;
  }
  if (!done.ok()) {
    plan.given = false;
    std::fprintf(stderr, "Error: %s\n", done.message().c_str());
    return exit_code != 0 ? exit_code : 1;
  }
  return exit_code;
}

int run_plugin_word(Process& process, Supervisor& supervisor, const PluginFile& known,
                    const std::vector<std::string>& words) {
  if (const Status s = load_support_libraries(process.library_dir()); !s.ok())
    return fail(s.message());
  auto loaded = load_plugin(known.path, "");
  if (!loaded.ok()) return fail(loaded.status().message());
  const PluginFile& file = **loaded;
  if (const Status s = supervisor.ensure_system_needs(file); !s.ok())
    return fail(file.note.name + ": " + s.message());
  Plan plan;
  int code = run_command(process, file, words, plan);
  if (plan.given) {
    code = plan.validate_only ? print_validation(supervisor, file, plan.source)
                              : run_role(process, supervisor, file, plan.source);
  }
  supervisor.stop_all();
  return code;
}

std::string own_directory() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0) return "/";
  const std::string text(path, static_cast<std::size_t>(n));
  return text.substr(0, text.rfind('/'));
}

std::string parent(const std::string& directory) {
  return directory.substr(0, directory.rfind('/'));
}

std::string base_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

int run_app(const std::vector<std::string>& argv) {
  block_signals();
  settle_process();
  if (const Status s = check_environment(); !s.ok()) return fail(s.message());
  const std::string prefix = parent(own_directory());
  // Never destroyed: plugins may still run when main returns, and exit handlers with them.
  static auto& process = *new Process(prefix + "/lib", prefix + "/lib/signet/plugins",
                                      LogOutput::Stream::kStderr, SIGNET_LOG_WARN);
  static auto& supervisor = *new Supervisor(process);

  std::vector<std::string> words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  // Called by another name (a link called spire-server), the name is the word.
  const std::string called = argv.empty() ? "" : base_name(argv[0]);
  if (called != "signet") {
    auto catalogue = process.catalogue();
    if (catalogue.ok() && (*catalogue)->with_command(called) != nullptr)
      words.insert(words.begin(), called);
  }
  if (const auto code = run_kernel_word(process, supervisor, words)) return *code;
  auto catalogue = process.catalogue();
  if (!catalogue.ok()) return fail(catalogue.status().message());
  const PluginFile* owner = (*catalogue)->with_command(words[0]);
  if (owner == nullptr) return print_unknown_word(process, words[0]);
  return run_plugin_word(process, supervisor, *owner, words);
}

}  // namespace signet::kernel
