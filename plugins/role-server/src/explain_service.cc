// signet.explain.v1.ServerExplain: why an entry's workload gets no identity.
#include "api_status.h"
#include "explain/analyse.h"
#include "explain_facts.h"
#include "method_registry.h"
#include "service_context.h"

namespace signet::server {
namespace {

namespace api = ::signet::explain::v1;

Status failed(CallContext& call, const Status& cause) {
  return cause.code() == Code::kInvalidArgument
             ? api_error(call.host(), cause.code(), cause.message())
             : store_error(call.host(), "failed to look up what is to be explained", cause);
}

Status explain_entry(CallContext& call, const api::ExplainEntryRequest& request,
                     api::Explanation& response) {
  if (!request.entry_id().empty()) call.audit("entry_id", request.entry_id());
  if (!request.spiffe_id().empty()) call.audit("spiffe_id", request.spiffe_id());
  if (!request.agent_id().empty()) call.audit("agent_id", request.agent_id());
  const auto facts = ExplainFacts(call.services()).gather(request);
  if (!facts) return failed(call, facts.status());
  response = explain::analyse(*facts, call.services().config->redact_selectors);
  return {};
}

// An agent may send what its workloads keep secret: nothing of the request is written anywhere.
Status ask_about_caller(CallContext& call, const api::AskAboutCallerRequest& request,
                        api::AskAboutCallerResponse& response) {
  auto answer = ExplainFacts(call.services()).answer(call.caller_id().to_string(), request);
  if (!answer) return failed(call, answer.status());
  response = std::move(*answer);
  return {};
}

}  // namespace

void register_explain_service(MethodRegistry& methods, ServiceContext&) {
  methods.unary("/signet.explain.v1.ServerExplain/ExplainEntry", explain_entry);
  methods.unary("/signet.explain.v1.ServerExplain/AskAboutCaller", ask_about_caller);
}

}  // namespace signet::server
