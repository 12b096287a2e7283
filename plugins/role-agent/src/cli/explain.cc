// explain: why a process of this node gets no identity. Calls the admin socket.
#include "signet/explain/v1/explain.pb.h"
#include "signet/selector.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "explain/text.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Client;
using signet::cli::FlagSet;
using signet::cli::Output;
namespace api = ::signet::explain::v1;

constexpr const char* kDefaultSocket = "/tmp/spire-agent/private/admin.sock";

struct Flags {
  std::string socket = kDefaultSocket;
  std::int64_t pid = 0;
  std::vector<std::string> selectors;
};

Result<api::ExplainWorkloadRequest> request_of(const Flags& flags) {
  api::ExplainWorkloadRequest request;
  if ((flags.pid != 0) == !flags.selectors.empty())
    return Status::invalid_argument(
        "either -pid or -selector is needed (for an entry: signet server explain)");
  if (flags.pid < 0 || flags.pid > INT32_MAX)
    return Status::invalid_argument("-pid is no process ID");
  request.set_pid(static_cast<std::int32_t>(flags.pid));
  for (const std::string& text : flags.selectors) {
    SIGNET_TRY(Selector selector, Selector::parse(text));
    auto* wire = request.add_selectors();
    wire->set_type(std::move(selector.type));
    wire->set_value(std::move(selector.value));
  }
  return request;
}

// Nobody answers at the socket: that is an explanation, too.
api::Explanation agent_away(const Flags& flags, const Status& why) {
  api::Explanation out;
  api::Finding& finding = *out.add_findings();
  finding.set_fault(api::AGENT_AWAY);
  finding.set_blocks(true);
  finding.set_decides(true);
  finding.set_text("no agent answers at its admin socket, " + flags.socket + ": " + why.message());
  finding.set_remedy(
      "see that the agent runs (an agent that is banned, or cannot attest, ends; its log says why) "
      "and that admin_socket_path is set");
  std::string ask = "signet server explain -spiffeID ID [-agentID ID]";
  for (const std::string& selector : flags.selectors) ask += " -selector " + selector;
  out.add_notes("the server knows what it thinks of the agent: " + ask);
  return out;
}

Result<api::Explanation> ask(Context& context, const Flags& flags,
                             const api::ExplainWorkloadRequest& request) {
  SIGNET_TRY(const Client client, Client::open(context, flags.socket));
  auto answer =
      client.call<api::Explanation>("/signet.explain.v1.AgentExplain/ExplainWorkload", request);
  if (!answer && answer.status().code() == Code::kUnavailable)
    return agent_away(flags, answer.status());
  return answer;
}

Status explain(Context& context, const Flags& flags, const Output& output, bool& identity) {
  SIGNET_TRY(const api::ExplainWorkloadRequest request, request_of(flags));
  SIGNET_TRY(const api::Explanation answer, ask(context, flags, request));
  identity = answer.identity();
  SIGNET_RETURN_IF_ERROR(output.print(context.io, answer, [&] {
    context.io.out(signet::explain::text_of(answer));
    return Status();
  }));
  if (context.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
  return {};
}

}  // namespace

// 0: an identity would be given; 1: none, or the command failed.
int explain_workload(Context& context, const Args& args) {
  FlagSet set("explain");
  Flags flags;
  Output output;
  set.text("socketPath", &flags.socket, "path of the agent's admin socket");
  set.integer("pid", &flags.pid, "the workload's process ID");
  set.texts("selector", &flags.selectors,
            "instead of a process: a type:value that the workload has; repeatable");
  output.declare(set);
  if (set.parse(args, context.io) != FlagSet::Outcome::kGo) return 1;
  bool identity = false;
  const Status status = explain(context, flags, output, identity);
  if (status.ok()) return identity ? 0 : 1;
  context.io.err("Error: " + status.message() + "\n");
  return 1;
}

}  // namespace signet::agent::cli
