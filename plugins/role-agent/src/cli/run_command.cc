#include "cli/commands.h"
#include "cli/run_plan.h"

namespace signet::agent::cli {
namespace {

using signet::cli::RunFlag;
using enum RunFlag::Kind;

constexpr RunFlag kFlags[] = {
    {"allowUnauthenticatedVerifiers", "allow_unauthenticated_verifiers", kSwitch,
     "processes without an entry may fetch bundles"},
    {"dataDir", "data_dir", kText, "folder for the agent's data"},
    {"disableSDSAPI", "disable_sds_api", kSwitch, "no SDS for Envoy"},
    {"disableWorkloadAPI", "disable_workload_api", kSwitch, "no Workload API"},
    {"insecureBootstrap", "insecure_bootstrap", kSwitch,
     "trust whatever server answers first; for trials only"},
    {"joinToken", "join_token", kText, "join token of this agent"},
    {"joinTokenFile", "join_token_file", kText, "file with the join token"},
    {"rebootstrapDelay", "rebootstrap_delay", kText,
     "how long the server's authority must be a stranger before a new bootstrap"},
    {"rebootstrapMode", "rebootstrap_mode", kText, "never, auto or always"},
    {"serverAddress", "server_address", kText, "name or address of the server"},
    {"serverPort", "server_port", kInteger, "port of the server"},
    {"socketPath", "socket_path", kText, "path of the Workload API's socket"},
    {"trustBundle", "trust_bundle_path", kText, "file with the server's authorities"},
    {"trustBundleFormat", "trust_bundle_format", kText, "what that file holds: pem or spiffe"},
    {"trustBundleUrl", "trust_bundle_url", kText, "URL of the server's authorities"},
    {"trustDomain", "trust_domain", kText, "the trust domain that the agent is in"},
};
constexpr signet::cli::RunSpec kSpec = {"agent", "conf/agent/agent.conf", kFlags};

}  // namespace

int run_agent(Context& context, const Args& args) {
  return signet::cli::plan_run(context, args, kSpec, false);
}
int validate_config(Context& context, const Args& args) {
  return signet::cli::plan_run(context, args, kSpec, true);
}

}  // namespace signet::agent::cli
