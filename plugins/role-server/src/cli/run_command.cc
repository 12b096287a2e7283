#include "cli/commands.h"
#include "cli/run_plan.h"

namespace signet::server::cli {
namespace {

using signet::cli::RunFlag;
using enum RunFlag::Kind;

constexpr RunFlag kFlags[] = {
    {"bindAddress", "bind_address", kText, "address that agents connect to"},
    {"dataDir", "data_dir", kText, "folder for the server's data"},
    {"serverPort", "bind_port", kInteger, "port that agents connect to"},
    {"socketPath", "socket_path", kText, "path of the admin socket"},
    {"trustDomain", "trust_domain", kText, "the trust domain that the server is for"},
};
constexpr signet::cli::RunSpec kSpec = {"server", "conf/server/server.conf", kFlags};

}  // namespace

int run_server(Context& context, const Args& args) {
  return signet::cli::plan_run(context, args, kSpec, false);
}
int validate_config(Context& context, const Args& args) {
  return signet::cli::plan_run(context, args, kSpec, true);
}

}  // namespace signet::server::cli
