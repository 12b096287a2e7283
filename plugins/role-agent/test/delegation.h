// Delegation: the rig with the Delegated Identity API on an admin socket.
#pragma once

#include "delegated_service.h"
#include "rig.h"
#include "spire/api/agent/delegatedidentity/v1/delegatedidentity.pb.h"

namespace signet::agent::test {

namespace api = ::spire::api::agent::delegatedidentity::v1;

inline constexpr const char* kService = "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/";
inline constexpr const char* kSvids = "SubscribeToX509SVIDs";
inline constexpr const char* kX509Bundles = "SubscribeToX509Bundles";
inline constexpr const char* kJwtBundles = "SubscribeToJWTBundles";
inline constexpr const char* kJwts = "FetchJWTSVIDs";

// This process, "unix:uid:0" to the attestor, is the delegate; the workloads have other selectors.
struct Delegation : Rig {
  explicit Delegation(std::vector<std::string> delegates = {"spiffe://example.org/delegate"})
      : Rig(), delegates_(std::move(delegates)) {
    server.add(entry("0", "/delegate", {"unix:uid:0"}));
  }
  ~Delegation() {
    if (admin) admin->stop(std::chrono::seconds(0));
  }
  void start() {
    Rig::start();
    service = std::make_unique<DelegatedService>(host.host(), delegates_, endpoint->attestor(),
                                                 *store, *jwt, [this] { return ready; });
    admin = std::make_unique<AdminEndpoint>(
        host.host(), AdminOptions{"/run/admin.sock", std::vector<std::uint32_t>{}});
    admin->offer(*service);
    EXPECT_TRUE(admin->start().ok());
  }
  template <typename Request>
  CallPtr ask(const char* method, const Request& request) {
    return rpc.call(std::string(kService) + method, request.SerializeAsString());
  }
  template <typename Request>
  static Request of(const std::vector<std::string>& selectors) {
    Request request;
    for (const std::string& text : selectors) {
      const Selector selector = Selector::parse(text).value();
      auto* wire = request.add_selectors();
      wire->set_type(selector.type);
      wire->set_value(selector.value);
    }
    return request;
  }
  CallPtr svids(const std::vector<std::string>& selectors) {
    return ask(kSvids, of<api::SubscribeToX509SVIDsRequest>(selectors));
  }
  CallPtr svids_of(std::int32_t pid) {
    api::SubscribeToX509SVIDsRequest request;
    request.set_pid(pid);
    return ask(kSvids, request);
  }
  CallPtr tokens(const std::vector<std::string>& selectors) {
    auto request = of<api::FetchJWTSVIDsRequest>(selectors);
    request.add_audience("db");
    return ask(kJwts, request);
  }
  CallPtr bundles(const char* method) { return ask(method, api::SubscribeToX509BundlesRequest()); }
  static std::vector<std::string> paths(const fakes::LocalRpc::Call& call) {
    std::vector<std::string> out;
    const auto last = call.last<api::SubscribeToX509SVIDsResponse>();
    for (const auto& svid : last.x509_svids()) out.push_back(svid.x509_svid().id().path());
    return out;
  }

  std::unique_ptr<DelegatedService> service;
  std::unique_ptr<AdminEndpoint> admin;

 private:
  std::vector<std::string> delegates_;
};

}  // namespace signet::agent::test
