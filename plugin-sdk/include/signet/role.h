// Role<Config>: the base of a role's plugin instance. It has the tables of abi/role.h and the life
// cycle; a role says what it is made of.
//
//   class RoleServer final : public signet::Role<ServerConfig> {
//    public:
//     RoleServer(Host host, std::string name)
//         : Role(std::move(host), std::move(name), {"server", std::chrono::seconds(10)}) {}
//     static const void* service(std::string_view id) { return service_of<kRoleDescription>(id); }
//    private:
//     Result<int> run_command(...) override;     // "signet server token generate"
//     Status bring_up(const Call& call) override;
//     void take_down() override;
//   };
//
// Config needs `static Result<Config> from_json(std::string_view)`; where it has `warnings`, texts
// about settings that do not stop the role, they are handed on.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/role.h"
#include "signet/plugin.h"

namespace signet {

struct RoleInfo {
  const char* block;                    // "server": its settings' block, and its name in texts
  std::chrono::nanoseconds drain_time;  // at most, for calls that are under way
};

/// Makes a role's folder where it is missing. setting: how the error names it, "server.data_dir"
inline Status make_data_dir(std::string_view setting, const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return {};
  return Status::failed_precondition(std::string(setting) + ": cannot create " + path + ": " +
                                     error.message());
}

template <typename Config>
class Role : public Plugin {
 public:
  Status validate(Call& call, std::string_view json) final {
    const Result<Config> config = Config::from_json(json);
    if (!config) return call.noted(config.status());
    if constexpr (requires { config->warnings; }) {
      const std::string where = std::string("/") + info_.block;
      for (const std::string& warning : config->warnings) call.note(where, warning, false);
    }
    return {};
  }
  Status configure(Call&, std::string_view json) final {
    if (started_) {
      if (json == json_) return {};  // asked again after a signal
      return Status::failed_precondition("the settings of the " + std::string(info_.block) +
                                         " change with a restart only");
    }
    SIGNET_TRY(Config config, Config::from_json(json));
    SIGNET_RETURN_IF_ERROR(prepare(config));
    config_ = std::move(config);
    json_ = json;
    return {};
  }
  Status start(Call& call) final {
    if (!config_) {
      return Status::failed_precondition("the " + std::string(info_.block) + " is not configured");
    }
    started_ = true;
    return bring_up(call);
  }
  Status drain(Call& call) final {
    std::chrono::nanoseconds time = info_.drain_time;
    if (call.deadline_ns() != INT64_MAX) {
      time = std::min(time, std::chrono::nanoseconds(call.deadline_ns() - host().monotonic_ns()));
    }
    finish_calls(std::max(time, std::chrono::nanoseconds(0)));
    return {};
  }
  Status stop(Call&) final {
    take_down();
    started_ = false;
    return {};
  }

 protected:
  Role(Host host, std::string name, RoleInfo info)
      : Plugin(std::move(host), std::move(name)), info_(info) {}

  /// What the role's static service() answers. kDescription: the JSON of abi/role.h.
  template <const char* kDescription>
  static const void* service_of(std::string_view id) {
    static constexpr signet_role kRole = {sizeof(signet_role), 0,
                                          [] { return to_abi(std::string_view(kDescription)); }};
    static constexpr signet_command kCommand = {sizeof(signet_command), 0, &command};
    if (id == SIGNET_ROLE) return &kRole;
    if (id == SIGNET_COMMAND) return &kCommand;
    return nullptr;
  }

  const Config& config() const { return *config_; }  // from bring_up() on

  /// The exit code of a command line; argv[0] is the word that chose the role. The instance is
  /// not configured. An error is printed by the kernel; kCancelled: ended by Ctrl-C.
  virtual Result<int> run_command(const Call& call, const std::vector<std::string>& argv,
                                  const int fds[3]) = 0;
  /// What has to be there before the plugins of the scope start: folders.
  virtual Status prepare(const Config&) { return {}; }
  /// Everything that lives until take_down(), which comes after a failure too.
  virtual Status bring_up(const Call& call) = 0;
  /// No new calls; those under way may end for that long. Also when nothing was brought up.
  virtual void finish_calls(std::chrono::nanoseconds time) { (void)time; }
  virtual void take_down() = 0;

 private:
  static signet_status command(signet_instance* instance, signet_call* abi_call,
                               const signet_str* argv, size_t argc, const int32_t fds[3],
                               int32_t* exit_code) {
    return guarded(abi_call, [&]() -> Status {
      std::vector<std::string> words;
      for (size_t i = 0; i < argc; ++i) words.emplace_back(view(argv[i]));
      SIGNET_TRY(*exit_code, plugin_cast<Role>(instance).run_command(Call(abi_call), words, fds));
      return {};
    });
  }

  const RoleInfo info_;
  std::optional<Config> config_;
  std::string json_;  // what config_ was read from
  bool started_ = false;
};

}  // namespace signet
