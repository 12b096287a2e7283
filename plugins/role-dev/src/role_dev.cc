#include "role_dev.h"

#include <unistd.h>

#include "signet/local_call.h"

#include "agent_watch.h"
#include "cli/io.h"
#include "command.h"
#include "greeting.h"
#include "held_port.h"
#include "keymanager/private_file.h"
#include "registrar.h"
#include "scope_configs.h"

namespace signet::dev {
namespace {

constexpr std::chrono::seconds kAgentTime{60};

}  // namespace

Result<int> RoleDev::run_command(const Call& call, const std::vector<std::string>& argv,
                                 const int fds[3]) {
  return dev::run_command(call, argv, fds);
}

Status RoleDev::bring_up(const Call& call) {
  const std::int64_t began_ns = host().monotonic_ns();
  const TrustDomain& trust_domain = config().trust_domain;
  const std::string user = login_name();
  const unsigned uid = geteuid();
  SIGNET_TRY(const SpiffeId spiffe_id,
             SpiffeId::make(trust_domain, "/dev/" + path_segment_for(user, uid)));
  SIGNET_TRY(const SpiffeId node_id, SpiffeId::make(trust_domain, "/dev-node"));
  SIGNET_TRY(folder_, StateFolder::open(config().data_dir, trust_domain, config().socket_path));

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

Status RoleDev::start_scope(const Call& call, const char* role, const char* scope,
                            const std::string& config_json) const {
  const auto* supervisor = host().service<signet_host_supervisor>(SIGNET_HOST_SUPERVISOR);
  if (supervisor == nullptr) return Status::unavailable("the host starts no scopes");
  LocalCall own(call);
  return own
      .run([&](signet_call* abi_call) {
        return supervisor->start_scope(host().abi(), abi_call, to_abi(std::string_view(role)),
                                       to_abi(std::string_view(scope)), bytes_to_abi(config_json));
      })
      .prefixed(std::string("cannot start the ") + scope);
}

}  // namespace signet::dev
