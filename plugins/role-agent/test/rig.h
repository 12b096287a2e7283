// Rig: the agent from the synchroniser to the Workload API's socket, with a fake server behind and
// a local rpc service in front.
#pragma once

#include "fake_server.h"
#include "jwt_cache.h"
#include "rpc-local/local_rpc.h"
#include "spiffe/workload/workload.pb.h"
#include "synchroniser.h"
#include "workload_endpoint.h"

namespace signet::agent::test {

struct Rig {
  explicit Rig(const std::function<void(AgentConfig&)>& configure = {}, bool verifiers = false,
               bool disabled = false)
      : config(domain()), server(host), verifiers_(verifiers), disabled_(disabled) {
    config.hold = std::chrono::seconds(0);
    if (configure) configure(config);
    host.rpc = rpc.table();
    host.pump = [this] { return rpc.pump(); };
  }
  /// The first sync, then the socket, as the agent does it.
  void start() {
    const Host h = host.host();
    store = std::make_unique<IdentityStore>(
        h, IdentityStore::Options{config.x509_cache_size, config.availability_target});
    jwt = std::make_unique<JwtCache>(
        h, server, JwtCache::Options{config.jwt_cache_size, config.jwt_cache_hit_timeout},
        [this](const Status& s) {
          if (failed) failed(s);
        });
    hold = std::make_unique<Hold>(h, Hold::Options{config.hold, config.hold_max},
                                  [this](bool due) { sync->sync_for_held(due); });
    sync = std::make_unique<Synchroniser>(
        h, config, server, *store, *jwt,
        Synchroniser::Hooks{[this](const Status& s) {
                              failures.push_back(s);
                              if (failed) failed(s);
                            },
                            [this](const x509::Bundle&) { ++new_bundles; },
                            [this](std::int64_t as_of_ns) { hold->level(as_of_ns); }});
    EXPECT_TRUE(sync->first_sync().ok());
    endpoint = std::make_unique<WorkloadEndpoint>(
        h,
        WorkloadOptions{.trust_domain = domain(),
                        .socket_path = "/run/test.sock",
                        .allow_unauthenticated_verifiers = verifiers_,
                        .allowed_foreign_jwt_claims = config.allowed_foreign_jwt_claims,
                        .disabled = disabled_,
                        .own_pid = own_pid,
                        .call_rates = config.call_rates,
                        .log_selectors = config.log_selectors,
                        .sds_disabled = config.disable_sds_api,
                        .sds = config.sds,
                        .wit = config.wit_svids ? &wit : nullptr},
        *store, *jwt, *hold, [this] { return ready; });
    EXPECT_TRUE(endpoint->start().ok());
    sync->start();
    host.run();
  }
  ~Rig() {
    if (sync) sync->stop();
    if (endpoint) endpoint->stop(std::chrono::seconds(0));
    host.run();
  }

  /// One sync interval passes.
  void tick() { host.advance(config.sync_interval); }

  /// What a server of our own tells, taken over to the end.
  Status tell(delivery_v1::FollowResponse told) {
    Status status = Status::internal("it was not taken over");
    sync->take(std::move(told), [&status](const Status& s) { status = s; });
    host.run();
    return status;
  }

  using CallPtr = std::unique_ptr<fakes::LocalRpc::Call>;
  using Headers = fakes::LocalRpc::Headers;
  /// A call of SpiffeWorkloadAPI, unless the name has a service of its own.
  CallPtr call(const std::string& method, std::string request = {},
               Headers headers = {{"workload.spiffe.io", "true"}}) {
    const bool whole = method.starts_with('/');
    return rpc.call(whole ? method : "/SpiffeWorkloadAPI/" + method, std::move(request),
                    std::move(headers));
  }
  CallPtr x509() { return call("FetchX509SVID"); }
  CallPtr fetch_jwt(const std::vector<std::string>& audience, const std::string& id = {}) {
    ::JWTSVIDRequest request;
    for (const std::string& a : audience) request.add_audience(a);
    request.set_spiffe_id(id);
    return call("FetchJWTSVID", request.SerializeAsString());
  }
  CallPtr validate(const std::string& audience, const std::string& token) {
    ::ValidateJWTSVIDRequest request;
    request.set_audience(audience);
    request.set_svid(token);
    return call("ValidateJWTSVID", request.SerializeAsString());
  }

  TestHost host;
  AgentConfig config;
  FakeServer server;
  fakes::LocalRpc rpc{[this] { host.run(); }};
  std::vector<Status> failures;
  std::function<void(const Status&)> failed;
  int new_bundles = 0;
  std::unique_ptr<IdentityStore> store;
  std::unique_ptr<JwtCache> jwt;
  bool ready = true;
  std::int32_t own_pid = 0;
  WitMinter wit{host.host(), server, crypto::KeyType::kEcP256,
                [this](const Status& s) { failures.push_back(s); }};
  std::unique_ptr<Hold> hold;
  std::unique_ptr<Synchroniser> sync;
  std::unique_ptr<WorkloadEndpoint> endpoint;

 private:
  bool verifiers_, disabled_;
};

}  // namespace signet::agent::test
