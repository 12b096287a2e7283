#include "workload_service.h"

#include "grpc/health/v1/health.pb.h"
#include "held_call.h"
#include "jwt_calls.h"
#include "no_identity.h"
#include "refusals.h"
#include "spiffe/workload/workload.pb.h"
#include "wit_stream.h"
#include "workload_stream.h"

namespace signet::agent {
namespace {

// A method of a service that is offered, which is not.
// kind   0 or SIGNET_RPC_SERVER_STREAM
Status refuse(RpcListener& listener, std::string method, const char* words, std::uint32_t kind) {
  return listener.handle(
      std::move(method),
      [words](const std::shared_ptr<ServerCall>& call, std::string_view) {
        call->finish(Status::unimplemented(words));
      },
      kind | SIGNET_RPC_INLINE);
}

}  // namespace

Status WorkloadService::register_methods(RpcListener& listener) {
  SIGNET_RETURN_IF_ERROR(
      register_stream(listener, "/SpiffeWorkloadAPI/FetchX509SVID", kX509SvidAnswer));
  SIGNET_RETURN_IF_ERROR(
      register_stream(listener, "/SpiffeWorkloadAPI/FetchX509Bundles", kX509BundlesAnswer));
  SIGNET_RETURN_IF_ERROR(
      register_stream(listener, "/SpiffeWorkloadAPI/FetchJWTBundles", kJwtBundlesAnswer));
  SIGNET_RETURN_IF_ERROR(register_jwt(listener));
  return register_wit(listener);
}

void WorkloadService::on_worker(const std::shared_ptr<ServerCall>& call, std::function<void()> fn) {
  if (!host_.post(std::move(fn)).ok()) call->finish(overloaded());
}

void WorkloadService::with_selectors(const std::shared_ptr<ServerCall>& call, Serve serve) {
  attestor_.attest_caller(call,
                          [call, serve = std::move(serve)](const Result<SelectorsPtr>& selectors) {
                            if (selectors) {
                              serve(**selectors);
                            } else {
                              call->finish(selectors.status());
                            }
                          });
}

void WorkloadService::with_limit(const std::shared_ptr<ServerCall>& call, Serve serve) {
  with_selectors(call, [this, call, pid = call->peer().pid,
                        serve = std::move(serve)](const SelectorSet& selectors) {
    if (const Status over = limits_.count(*call, pid, selectors); !over.ok())
      return call->finish(over);
    serve(selectors);
  });
}

void WorkloadService::with_entries(const std::shared_ptr<ServerCall>& call, Enough enough,
                                   Serve serve) {
  with_limit(
      call, [this, call, pid = call->peer().pid, uid = call->peer().uid, enough = std::move(enough),
             serve = std::move(serve)](const SelectorSet& selectors) {
        if (!hold_.enabled() || pid == options_.own_pid || enough(*table_.lookup(selectors)))
          return serve(selectors);
        hold_call(hold_, table_,
                  {call, uid, selectors, enough, [call, serve, selectors](const Status& s) {
                     if (s.ok()) {
                       serve(selectors);
                     } else {
                       call->finish(s);
                     }
                   }});
      });
}

// A caller without an identity is told so; what makes the API useless is an agent that has not
// been level with its server yet, and attestation that fails.
Status WorkloadService::register_health(RpcListener& listener) {
  namespace health = ::grpc::health::v1;
  SIGNET_RETURN_IF_ERROR(
      refuse(listener, "/grpc.health.v1.Health/List", "method List not implemented", 0));
  SIGNET_RETURN_IF_ERROR(refuse(listener, "/grpc.health.v1.Health/Watch",
                                "method Watch not implemented", SIGNET_RPC_SERVER_STREAM));
  return listener.stream<health::HealthCheckRequest>(
      "/grpc.health.v1.Health/Check",
      [this](const std::shared_ptr<ServerCall>& call, const health::HealthCheckRequest& request) {
        if (!request.service().empty()) {
          call->finish(Status::invalid_argument("per-service health is not supported"));
          return;
        }
        const auto answer = [call](bool serving) {
          health::HealthCheckResponse response;
          response.set_status(serving ? health::HealthCheckResponse::SERVING
                                      : health::HealthCheckResponse::NOT_SERVING);
          call->finish_with(call->host().blob_of(response));
        };
        if (!ready_()) return answer(false);
        if (options_.disabled) return answer(true);
        attestor_.attest_caller(
            call, [answer](const Result<SelectorsPtr>& selectors) { answer(selectors.ok()); });
      },
      SIGNET_RPC_INLINE);
}

Status WorkloadService::register_stream(RpcListener& listener, const char* method,
                                        AnswerKind kind) {
  // The requests have no fields, so their bytes are not looked at.
  return listener.handle(
      method,
      [this, kind](const std::shared_ptr<ServerCall>& call, std::string_view) {
        open_stream(call, kind);
      },
      SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_INLINE | SIGNET_RPC_LATEST);
}

void WorkloadService::open_stream(const std::shared_ptr<ServerCall>& call, AnswerKind kind) {
  const bool own_bundle_for_all =
      kind != kX509SvidAnswer && options_.allow_unauthenticated_verifiers;
  auto stream = std::make_shared<WorkloadStream>(host_, call, kind, own_bundle_for_all);
  stream->bind();
  streams_.add(call);
  with_entries(
      call,
      [own_bundle_for_all](const WorkloadUpdate& now) {
        return !now.entries.empty() || (own_bundle_for_all && now.bundle);
      },
      [this, stream](const SelectorSet& selectors) {
        stream->open(table_, selectors, loggable_selectors(selectors, options_.log_selectors));
      });
}

void WorkloadService::end_streams() {
  ending_ = true;
  streams_.end_all();
}

Status WorkloadService::register_jwt(RpcListener& listener) {
  SIGNET_RETURN_IF_ERROR(listener.stream<::JWTSVIDRequest>(
      "/SpiffeWorkloadAPI/FetchJWTSVID",
      [this](const std::shared_ptr<ServerCall>& call, const ::JWTSVIDRequest& request) {
        auto wanted = std::make_shared<JwtRequest>();
        if (Status bad = read_jwt_request(request, *wanted); !bad.ok()) {
          call->finish(bad);
          return;
        }
        const auto matches = [](const WorkloadUpdate& now) { return !now.entries.empty(); };
        with_entries(
            call, matches,
            [this, call, pid = call->peer().pid, wanted](const SelectorSet& selectors) {
              const WorkloadUpdatePtr update = table_.lookup(selectors);
              const std::vector<EntryPtr> entries = jwt_entries(*update, *wanted);
              if (entries.empty()) {
                log_no_identity(host_, pid, loggable_selectors(selectors, options_.log_selectors));
                call->finish(no_identity());
              } else if (Blob answer = cached_jwt_answer(host_, entries, wanted->audience, jwt_)) {
                call->finish_with(std::move(answer));
              } else {
                const Status begun = token_fetches_.run([this, call, entries, wanted] {
                  if (call->over()) return;
                  if (ending_) return call->finish(shutting_down());
                  Result<Blob> fetched =
                      fetch_jwt_answer(host_, entries, wanted->audience, jwt_, call->deadline_ns());
                  if (fetched) {
                    call->finish_with(std::move(*fetched));
                  } else {
                    call->finish(fetched.status());
                  }
                });
                if (!begun.ok()) call->finish(overloaded());
              }
            });
      },
      SIGNET_RPC_INLINE));
  return listener.stream<::ValidateJWTSVIDRequest>(
      "/SpiffeWorkloadAPI/ValidateJWTSVID",
      [this](const std::shared_ptr<ServerCall>& call, const ::ValidateJWTSVIDRequest& request) {
        if (request.audience().empty()) {
          call->finish(no_audience());
          return;
        }
        if (request.svid().empty()) {
          call->finish(Status::invalid_argument("svid must be specified"));
          return;
        }
        if (!table_.own_bundle()) {  // "not valid" would be the last word for the token
          call->finish(Status::unavailable("the agent has no bundle yet"));
          return;
        }
        with_selectors(call, [this, call, request](const SelectorSet& selectors) {
          // A signature is checked: too long for the transport's thread.
          on_worker(call, [this, call, request, update = table_.lookup(selectors)] {
            const Result<Blob> answer =
                validate_jwt_answer(host_, request, *update, options_.allowed_foreign_jwt_claims);
            if (answer) {
              call->finish_with(*answer);
            } else {
              call->finish(answer.status());
            }
          });
        });
      },
      SIGNET_RPC_INLINE);
}

Status WorkloadService::register_wit(RpcListener& listener) {
  if (options_.wit != nullptr) {
    SIGNET_RETURN_IF_ERROR(
        register_stream(listener, "/SpiffeWorkloadAPI/FetchWITBundles", kWitBundlesAnswer));
    return listener.handle(
        "/SpiffeWorkloadAPI/FetchWITSVID",
        [this](const std::shared_ptr<ServerCall>& call, std::string_view bytes) {
          ::WITSVIDRequest request;
          if (!call->parse(bytes, request)) return;
          const Status bad = check_requested_id(request.spiffe_id());
          if (!bad.ok()) return call->finish(bad);
          open_wit_stream(call, request.spiffe_id());
        },
        SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_INLINE | SIGNET_RPC_LATEST);
  }
  SIGNET_RETURN_IF_ERROR(refuse(listener, "/SpiffeWorkloadAPI/FetchWITSVID",
                                "fetching WIT-SVIDs is not implemented", SIGNET_RPC_SERVER_STREAM));
  return refuse(listener, "/SpiffeWorkloadAPI/FetchWITBundles",
                "fetching WIT bundles is not implemented", SIGNET_RPC_SERVER_STREAM);
}

void WorkloadService::open_wit_stream(const std::shared_ptr<ServerCall>& call,
                                      const std::string& spiffe_id) {
  auto stream = std::make_shared<WitStream>(host_, call, *options_.wit, token_fetches_, spiffe_id);
  stream->bind();
  streams_.add(call);
  with_entries(
      call, [](const WorkloadUpdate& now) { return !now.entries.empty(); },
      [this, stream](const SelectorSet& selectors) {
        stream->open(table_, selectors, loggable_selectors(selectors, options_.log_selectors));
      });
}

}  // namespace signet::agent
