#include "role_server.h"

#include "cli/command.h"
#include "datastore_task.h"
#include "proto/quiet.h"
#include "running_server.h"
#include "spire_import/import_task.h"

namespace signet::server {

RoleServer::RoleServer(Host host, std::string name)
    : Role(std::move(host), std::move(name), {"server", std::chrono::seconds(10)}) {}
RoleServer::~RoleServer() = default;

Result<int> RoleServer::run_command(const Call& call, const std::vector<std::string>& argv,
                                    const int fds[3]) {
  return cli::run(host(), call, argv, fds);
}

Status RoleServer::prepare(const ServerConfig& config) {
  if (config.datastore_task == "check" || config.datastore_task == "look") return {};
  SIGNET_RETURN_IF_ERROR(host().will_write_folder(config.data_dir));
  SIGNET_RETURN_IF_ERROR(host().will_write_file(config.socket_path));
  return make_data_dir("server.data_dir", config.data_dir);
}

Status RoleServer::bring_up(const Call&) {
  proto::keep_protobuf_quiet();
  if (config().spire_import) {
    import_ = std::make_unique<ImportTask>(host(), config());
    return import_->start();
  }
  if (!config().datastore_task.empty()) {
    return run_datastore_task(host(), config().datastore_task);
  }
  SIGNET_TRY(running_, RunningServer::start(host(), config()));
  return {};
}

void RoleServer::finish_calls(std::chrono::nanoseconds time) {
  if (import_) import_->stop();
  if (running_) running_->drain(time);
}

void RoleServer::take_down() {
  import_.reset();
  running_.reset();
}

}  // namespace signet::server
