#include "role_dev.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "signet/abi/role.h"

#include "agent_watch.h"
#include "cli/io.h"
#include "command.h"
#include "greeting.h"
#include "keymanager/private_file.h"
#include "registrar.h"
#include "scope_configs.h"

namespace signet::dev {
namespace {

constexpr std::chrono::seconds kAgentTime{60};

const signet_role kRole = {sizeof(signet_role), 0,
                           [] { return to_abi(std::string_view(kRoleDescription)); }};

const signet_command kCommand = {sizeof(signet_command), 0,
                                 [](signet_instance*, signet_call* abi_call, const signet_str* argv,
                                    size_t argc, const int32_t fds[3], int32_t* exit_code) {
                                   return guarded(abi_call, [&]() -> Status {
                                     std::vector<std::string> words;
                                     for (size_t i = 0; i < argc; ++i)
                                       words.emplace_back(view(argv[i]));
                                     *exit_code = run_command(Call(abi_call), words, fds);
                                     return {};
                                   });
                                 }};

// A port of 127.0.0.1 that is free and stays so until the server has it: Linux lets two sockets
// with SO_REUSEADDR have one port as long as neither listens, and gives it to nobody else.
class HeldPort {
 public:
  static Result<HeldPort> take() {
    HeldPort held;
    held.fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (held.fd_ < 0 || setsockopt(held.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(held.fd_, any, size) != 0 || getsockname(held.fd_, any, &size) != 0) {
      return Status::failed_precondition(std::string("no free port on 127.0.0.1: ") +
                                         std::strerror(errno));
    }
    held.port_ = ntohs(address.sin_port);
    return held;
  }
  HeldPort(HeldPort&& o) noexcept : fd_(std::exchange(o.fd_, -1)), port_(o.port_) {}
  HeldPort& operator=(HeldPort&&) = delete;
  ~HeldPort() {
    if (fd_ >= 0) close(fd_);
  }
  std::uint16_t port() const { return port_; }

 private:
  HeldPort() = default;
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

// The call that start_scope gets, so that its words reach us and not the caller of start().
class ScopeCall {
 public:
  explicit ScopeCall(const Call& outer) : outer_(outer) {
    call_ = {sizeof(signet_call), 0, ops(), outer.deadline_ns(), {nullptr, 0}, this};
  }
  ScopeCall(const ScopeCall&) = delete;
  ScopeCall& operator=(const ScopeCall&) = delete;
  signet_call* abi() { return &call_; }
  const std::string& message() const { return message_; }

 private:
  static const signet_call_ops* ops() {
    static constexpr signet_call_ops kOps = {
        sizeof(signet_call_ops),
        0,
        [](const signet_call* c) -> uint32_t {
          return static_cast<ScopeCall*>(c->impl)->outer_.cancelled() ? 1 : 0;
        },
        [](signet_call*, void (*)(void*), void*) -> signet_status { return SIGNET_OK; },
        [](signet_call*, uint32_t, const void*, size_t) -> signet_status { return SIGNET_OK; },
        [](signet_call* c, signet_status code, signet_str message) -> signet_status {
          static_cast<ScopeCall*>(c->impl)->message_ = view(message);
          return code;
        },
        [](signet_call*, signet_status) {},
    };
    return &kOps;
  }
  const Call& outer_;
  std::string message_;
  signet_call call_{};
};

}  // namespace

const void* RoleDev::service(std::string_view id) {
  if (id == SIGNET_ROLE) return &kRole;
  if (id == SIGNET_COMMAND) return &kCommand;
  return nullptr;
}

Status RoleDev::validate(Call&, std::string_view config) {
  return DevConfig::from_json(config).status();
}

Status RoleDev::configure(Call&, std::string_view config) {
  if (folder_) return Status::failed_precondition("its settings change with a restart only");
  SIGNET_TRY(config_, DevConfig::from_json(config));
  return {};
}

Status RoleDev::start(Call& call) {
  if (!config_) return Status::failed_precondition("not configured");
  const std::int64_t began_ns = host().monotonic_ns();
  const TrustDomain& trust_domain = config_->trust_domain;
  const std::string user = login_name();
  const unsigned uid = geteuid();
  SIGNET_TRY(const SpiffeId spiffe_id,
             SpiffeId::make(trust_domain, "/dev/" + path_segment_for(user, uid)));
  SIGNET_TRY(const SpiffeId node_id, SpiffeId::make(trust_domain, "/dev-node"));
  SIGNET_TRY(folder_, StateFolder::open(config_->data_dir, trust_domain, config_->socket_path));

  SIGNET_TRY(const HeldPort held, HeldPort::take());
  SIGNET_RETURN_IF_ERROR(start_scope(call, "role-server", "server",
                                     server_config(*folder_, trust_domain, held.port())));

  std::string token;
  {
    SIGNET_TRY(Registrar registrar,
               Registrar::connect(host(), trust_domain, folder_->admin_socket()));
    SIGNET_TRY(const std::string bundle, registrar.bundle_pem());
    SIGNET_RETURN_IF_ERROR(
        keymanager::replace_private_file(folder_->bundle_file(), crypto::as_bytes(bundle)));
    SIGNET_TRY(const bool known, registrar.knows_good_agent());
    if (!known || !folder_->agent_has_svid()) {
      SIGNET_RETURN_IF_ERROR(folder_->forget_agent());
      SIGNET_TRY(token, registrar.token_for_new_agent(node_id));
    }
    SIGNET_RETURN_IF_ERROR(registrar.register_user(spiffe_id, node_id, uid));
  }

  SIGNET_RETURN_IF_ERROR(start_scope(call, "role-agent", "agent",
                                     agent_config(*folder_, trust_domain, held.port(), token)));
  if (Status ready = wait_for_identity(host(), call, folder_->workload_socket(), kAgentTime);
      !ready.ok()) {
    if (ready.code() == Code::kCancelled) return ready;
    return Status(ready.code(), ready.message() + "; see " + folder_->agent_log());
  }

  Greeting greeting;
  greeting.trust_domain = trust_domain.name();
  greeting.user = user;
  greeting.uid = uid;
  greeting.spiffe_id = spiffe_id.to_string();
  greeting.node_id = node_id.to_string();
  greeting.workload_socket = folder_->workload_socket();
  greeting.admin_socket = folder_->admin_socket();
  greeting.folder = folder_->root();
  greeting.took = std::chrono::milliseconds((host().monotonic_ns() - began_ns) / 1'000'000);
  const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  cli::Io(fds).out(greeting_text(greeting));
  return {};
}

Status RoleDev::stop(Call&) {
  folder_.reset();
  return {};
}

Status RoleDev::start_scope(const Call& call, const char* role, const char* scope,
                            const std::string& config_json) const {
  const auto* supervisor = host().service<signet_host_supervisor>(SIGNET_HOST_SUPERVISOR);
  if (supervisor == nullptr) return Status::unavailable("the host starts no scopes");
  ScopeCall own(call);
  const signet_status code =
      supervisor->start_scope(host().abi(), own.abi(), to_abi(std::string_view(role)),
                              to_abi(std::string_view(scope)), bytes_to_abi(config_json));
  if (code == SIGNET_OK) return {};
  return Status(static_cast<Code>(code),
                std::string("cannot start the ") + scope + ": " + own.message());
}

}  // namespace signet::dev
