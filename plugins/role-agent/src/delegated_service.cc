#include "delegated_service.h"

#include "delegated_answer.h"
#include "refusals.h"
#include "spire/api/agent/delegatedidentity/v1/delegatedidentity.pb.h"

namespace signet::agent {
namespace {

namespace api = ::spire::api::agent::delegatedidentity::v1;

std::string full_name(const char* method) {
  return std::string("/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/") + method;
}

}  // namespace

DelegatedService::DelegatedService(Host host, const std::vector<std::string>& delegates,
                                   CallerAttestor& attestor, IdentityTable& table, JwtSource& jwt,
                                   std::function<bool()> ready)
    : host_(std::move(host)),
      delegates_(delegates.begin(), delegates.end()),
      attestor_(attestor),
      table_(table),
      jwt_(jwt),
      ready_(std::move(ready)),
      jwt_fetches_(host_, kJwtFetchesAtOnce, kJwtFetchesWaiting) {}

Status DelegatedService::register_methods(RpcListener& listener) {
  SIGNET_RETURN_IF_ERROR(register_svids(listener));
  SIGNET_RETURN_IF_ERROR(
      register_bundles(listener, "SubscribeToX509Bundles", kDelegatedX509BundlesAnswer));
  SIGNET_RETURN_IF_ERROR(
      register_bundles(listener, "SubscribeToJWTBundles", kDelegatedJwtBundlesAnswer));
  return register_jwt(listener);
}

void DelegatedService::end_streams() {
  ending_ = true;
  streams_.end_all();
}

// ---- who calls, and for whom

void DelegatedService::authorize(const std::shared_ptr<ServerCall>& call, Authorized serve) {
  if (!ready_()) {
    call->finish(not_ready());
    return;
  }
  attestor_.attest_caller(
      call, [this, call, serve = std::move(serve)](const Result<SelectorsPtr>& selectors) {
        if (!selectors) return call->finish(selectors.status());
        if (const Status allowed = check(*table_.lookup(**selectors)); !allowed.ok()) {
          return call->finish(allowed);
        }
        serve(*selectors);
      });
}

Status DelegatedService::check(const WorkloadUpdate& caller) const {
  if (caller.entries.empty()) {
    host_.error("No identity issued");
    return no_identity();
  }
  for (const EntryPtr& entry : caller.entries) {
    if (delegates_.contains(entry->spiffe_id.to_string())) return {};
  }
  host_.error("Permission denied; caller not configured as an authorized delegate.",
              {{"num_registered_entries", caller.entries.size()},
               {"default_id", caller.entries.front()->spiffe_id.to_string()}});
  return Status::permission_denied("caller not configured as an authorized delegate");
}

template <typename Request>
void DelegatedService::find_target(const std::shared_ptr<ServerCall>& call, const Request& request,
                                   const Found& found) {
  if (request.selectors().empty() == (request.pid() == 0)) {
    call->finish(
        Status::invalid_argument("must provide either selectors or non-zero PID, but not both"));
    return;
  }
  if (request.pid() == 0) {
    Result<SelectorSet> selectors = read_delegated_selectors(request.selectors());
    if (!selectors) return call->finish(selectors.status());
    return found({std::make_shared<const SelectorSet>(std::move(*selectors)), nullptr});
  }
  attest_process(call, request.pid(), found);
}

void DelegatedService::attest_process(const std::shared_ptr<ServerCall>& call, std::int32_t pid,
                                      Found found) {
  // Counts the process for as long as the call keeps it.
  struct Pinned {
    ~Pinned() { --*count; }
    std::shared_ptr<std::atomic<int>> count;
    std::shared_ptr<const CallerProcess> process;
  };
  const auto pinned = std::make_shared<Pinned>();
  pinned->count = processes_;
  if (++*processes_ > kMostProcesses) {
    return call->finish(
        Status::resource_exhausted("too many processes are looked after for delegates"));
  }
  Result<std::shared_ptr<const CallerProcess>> process = CallerProcess::open(pid);
  if (!process) {
    host_.log_status(LogLevel::kError, "Failed to attest the workload", process.status());
    return call->finish(attestation_failed());
  }
  pinned->process = std::move(*process);
  attestor_.attest(
      pinned->process, call->deadline_ns(),
      [call, pinned, found = std::move(found)](const Result<SelectorsPtr>& selectors) {
        if (!selectors) return call->finish(selectors.status());
        found({*selectors, std::shared_ptr<const CallerProcess>(pinned, pinned->process.get())});
      });
}

// ---- methods

std::shared_ptr<DelegatedStream> DelegatedService::open_stream(
    const std::shared_ptr<ServerCall>& call, AnswerKind kind) {
  auto stream = std::make_shared<DelegatedStream>(
      host_, call, kind, [this](const WorkloadUpdate& caller) { return check(caller); });
  stream->bind();
  streams_.add(call);
  return stream;
}

Status DelegatedService::register_svids(RpcListener& listener) {
  return listener.stream<api::SubscribeToX509SVIDsRequest>(
      full_name("SubscribeToX509SVIDs"),
      [this](const std::shared_ptr<ServerCall>& call,
             const api::SubscribeToX509SVIDsRequest& request) {
        const auto stream = open_stream(call, kDelegatedX509SvidAnswer);
        authorize(call, [this, call, stream, request](const SelectorsPtr& caller) {
          find_target(call, request, [this, stream, caller](const Target& target) {
            stream->open(table_, *caller, *target.selectors, target.process);
          });
        });
      },
      SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_INLINE | SIGNET_RPC_LATEST);
}

// The requests have no fields, so their bytes are not looked at.
Status DelegatedService::register_bundles(RpcListener& listener, const char* method,
                                          AnswerKind kind) {
  return listener.handle(
      full_name(method),
      [this, kind](const std::shared_ptr<ServerCall>& call, std::string_view) {
        const auto stream = open_stream(call, kind);
        authorize(call, [this, stream](const SelectorsPtr& caller) {
          stream->open(table_, *caller, {}, nullptr);
        });
      },
      SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_INLINE | SIGNET_RPC_LATEST);
}

Status DelegatedService::register_jwt(RpcListener& listener) {
  return listener.stream<api::FetchJWTSVIDsRequest>(
      full_name("FetchJWTSVIDs"),
      [this](const std::shared_ptr<ServerCall>& call, const api::FetchJWTSVIDsRequest& request) {
        if (request.audience().empty()) {
          call->finish(no_audience());
          return;
        }
        authorize(call, [this, call, request](const SelectorsPtr&) {
          find_target(call, request, [this, call, request](const Target& target) {
            const std::vector<std::string> audience(request.audience().begin(),
                                                    request.audience().end());
            const auto fetch = [this, call, audience, target] {
              if (call->over()) return;
              if (ending_) return call->finish(shutting_down());
              const Result<Blob> tokens = delegated_jwt_answer(
                  host_, *table_.lookup(*target.selectors), audience, jwt_, call->deadline_ns());
              if (!tokens) return call->finish(tokens.status());
              // The server was asked meanwhile.
              if (target.process && !target.process->alive()) {
                return call->finish(attestation_failed());
              }
              call->finish_with(*tokens);
            };
            if (!jwt_fetches_.run(fetch).ok()) call->finish(overloaded());
          });
        });
      },
      SIGNET_RPC_INLINE);
}

}  // namespace signet::agent
