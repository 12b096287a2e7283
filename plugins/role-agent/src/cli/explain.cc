// explain: why a process of this node gets no identity. Calls the admin socket.
#include "signet/explain/v1/explain.pb.h"
#include "signet/selector.h"

#include "cli/admin_command.h"
#include "explain/shell.h"
#include "explain/text.h"

namespace signet::agent::cli {
namespace {

using signet::cli::Client;
namespace api = ::signet::explain::v1;

struct Flags {
  std::int64_t pid = 0;
  std::vector<std::string> selectors;
  std::chrono::nanoseconds attestors_time{0};
};

Result<api::ExplainWorkloadRequest> request_of(const Flags& flags) {
  api::ExplainWorkloadRequest request;
  if ((flags.pid != 0) == !flags.selectors.empty())
    return Status::invalid_argument(
        "either -pid or -selector is needed (for an entry: signet server explain)");
  if (flags.pid < 0 || flags.pid > INT32_MAX)
    return Status::invalid_argument("-pid is no process ID");
  request.set_pid(static_cast<std::int32_t>(flags.pid));
  const auto patience =
      std::chrono::duration_cast<std::chrono::milliseconds>(flags.attestors_time).count();
  if (patience < 0 || patience > INT32_MAX)
    return Status::invalid_argument("-attestorTimeout is out of range");
  request.set_attestors_ms(static_cast<std::int32_t>(patience));
  for (const std::string& text : flags.selectors) {
    SIGNET_TRY(Selector selector, Selector::parse(text));
    auto* wire = request.add_selectors();
    wire->set_type(std::move(selector.type));
    wire->set_value(std::move(selector.value));
  }
  return request;
}

// Nobody answers at the socket: that is an explanation, too.
api::Explanation agent_away(const std::string& socket, const Flags& flags, const Status& why) {
  api::Explanation out;
  api::Finding& finding = *out.add_findings();
  finding.set_fault(api::AGENT_AWAY);
  finding.set_blocks(true);
  finding.set_decides(true);
  finding.set_text("no agent answers at its admin socket, " + socket + ": " + why.message());
  finding.set_remedy(
      "see that the agent runs (an agent that is banned, or cannot attest, ends; its log says why) "
      "and that admin_socket_path is set");
  std::string ask = "signet server explain -spiffeID ID [-agentID ID]";
  for (const std::string& selector : flags.selectors)
    ask += " -selector " + signet::explain::quoted(selector);
  out.add_notes("the server knows what it thinks of the agent: " + ask);
  return out;
}

}  // namespace

// 0: an identity would be given; 1: none, or the command failed.
int explain_workload(Context& context, const Args& args) {
  AdminCommand command(context, "explain");
  Flags flags;
  command.flags().integer("pid", &flags.pid, "the workload's process ID");
  command.flags().texts("selector", &flags.selectors,
                        "instead of a process: a type:value that the workload has; repeatable");
  command.flags().duration("attestorTimeout", &flags.attestors_time,
                           "how long attestors may take (default 450ms)");
  bool identity = false;
  const int code = command.run(args, [&](const Client& client) -> Status {
    SIGNET_TRY(const api::ExplainWorkloadRequest request, request_of(flags));
    auto answer =
        client.call<api::Explanation>("/signet.explain.v1.AgentExplain/ExplainWorkload", request);
    if (!answer && answer.status().code() == Code::kUnavailable)
      answer = agent_away(command.socket(), flags, answer.status());
    SIGNET_RETURN_IF_ERROR(answer.status());
    identity = answer->identity();
    return command.print(*answer, signet::explain::text_of(*answer));
  });
  return code == 0 && identity ? 0 : 1;
}

}  // namespace signet::agent::cli
