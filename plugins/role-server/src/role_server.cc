#include "role_server.h"

#include <filesystem>

#include "signet/abi/role.h"

#include "cli/command.h"
#include "config_schema.h"
#include "running_server.h"

namespace signet::server {
namespace {

constexpr std::chrono::seconds kDrainTime{10};

const signet_role kRole = {sizeof(signet_role), 0,
                           [] { return to_abi(std::string_view(kRoleDescription)); }};

const signet_command kCommand = {
    sizeof(signet_command), 0,
    [](signet_instance* instance, signet_call* abi_call, const signet_str* argv, size_t argc,
       const int32_t fds[3], int32_t* exit_code) {
      return guarded(abi_call, [&]() -> Status {
        const Call call(abi_call);
        std::vector<std::string> words;
        for (size_t i = 0; i < argc; ++i) words.emplace_back(view(argv[i]));
        *exit_code = cli::run(plugin_cast<RoleServer>(instance).host(), call, words, fds);
        return {};
      });
    }};

}  // namespace

RoleServer::RoleServer(Host host, std::string name) : Plugin(std::move(host), std::move(name)) {}
RoleServer::~RoleServer() = default;

const void* RoleServer::service(std::string_view id) {
  if (id == SIGNET_ROLE) return &kRole;
  if (id == SIGNET_COMMAND) return &kCommand;
  return nullptr;
}

Status RoleServer::validate(Call& call, std::string_view config) {
  const auto parsed = ServerConfig::from_json(config);
  if (!parsed) return parsed.status();
  for (const std::string& warning : parsed->warnings) call.note("/server", warning, false);
  return {};
}

Status RoleServer::configure(Call&, std::string_view config) {
  SIGNET_TRY(ServerConfig parsed, ServerConfig::from_json(config));
  if (running_) {
    // Asked again after a signal: what stays the same needs no word.
    return config == config_json_ ? Status()
                                  : Status::failed_precondition(
                                        "the server's own settings change with a restart only");
  }
  std::error_code error;
  std::filesystem::create_directories(parsed.data_dir, error);
  if (error) {
    return Status::failed_precondition("server.data_dir: cannot create " + parsed.data_dir + ": " +
                                       error.message());
  }
  config_ = std::move(parsed);
  config_json_ = config;
  return {};
}

Status RoleServer::start(Call&) {
  if (!config_) return Status::failed_precondition("the server is not configured");
  SIGNET_TRY(running_, RunningServer::start(host(), *config_));
  return {};
}

Status RoleServer::drain(Call& call) {
  if (!running_) return {};
  std::chrono::nanoseconds time = kDrainTime;
  if (call.deadline_ns() != INT64_MAX) {
    time = std::min(time, std::chrono::nanoseconds(call.deadline_ns() - host().monotonic_ns()));
  }
  running_->drain(std::max(time, std::chrono::nanoseconds(0)));
  return {};
}

Status RoleServer::stop(Call&) {
  running_.reset();
  return {};
}

}  // namespace signet::server
