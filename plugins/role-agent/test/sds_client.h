// SdsClient: an Envoy's side of one SDS stream, for tests; SdsTest: an agent that it talks to.
#pragma once

#include <gtest/gtest.h>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "rig.h"

namespace signet::agent::test {

namespace discovery = ::envoy::service::discovery::v3;
namespace tls = ::envoy::extensions::transport_sockets::tls::v3;
using Request = discovery::DiscoveryRequest;
using Response = discovery::DiscoveryResponse;
using DeltaRequest = discovery::DeltaDiscoveryRequest;
using DeltaResponse = discovery::DeltaDiscoveryResponse;
using Names = std::vector<std::string>;

inline const std::string kTd = "spiffe://example.org";
inline const char kSdsPrefix[] = "/envoy.service.secret.v3.SecretDiscoveryService/";
inline const char kSecretType[] =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

inline Request sds_request(const Names& names) {
  Request request;
  request.set_type_url(kSecretType);
  for (const std::string& name : names) request.add_resource_names(name);
  return request;
}

inline tls::Secret secret_of(const google::protobuf::Any& any) {
  tls::Secret secret;
  EXPECT_TRUE(any.UnpackTo(&secret));
  return secret;
}
template <typename M>
Names names_in(const M& response) {
  Names names;
  for (const auto& resource : response.resources()) {
    if constexpr (std::is_same_v<M, Response>) {
      names.push_back(secret_of(resource).name());
    } else {
      EXPECT_EQ(resource.name(), secret_of(resource.resource()).name());
      names.push_back(resource.name());
    }
  }
  return names;
}

// An agent whose caller, the test, has two identities.
struct SdsTest : ::testing::Test {
  SdsTest() {
    rig.server.add(entry("1", "/web", {"unix:uid:0"}));
    rig.server.add(entry("2", "/api", {"unix:uid:0"}));
    rig.start();
  }
  /// The first entry gets a new SVID.
  void reissue() {
    types::Entry& e = rig.server.entries["1"];
    e.set_revision_number(e.revision_number() + 1);
    e.set_hint("h" + std::to_string(e.revision_number()));
    rig.tick();
  }
  Rig rig;
};

class SdsClient {
 public:
  /// Opens StreamSecrets with this first request.
  SdsClient(Rig& rig, const Request& first)
      : call(rig.rpc.open(std::string(kSdsPrefix) + "StreamSecrets", first.SerializeAsString())),
        request_(first) {}
  SdsClient(Rig& rig, const Names& names) : SdsClient(rig, sds_request(names)) {}

  Response last() const { return call->last<Response>(); }
  Names names() const { return names_in(last()); }
  std::string version() const { return last().version_info(); }
  /// Takes the last answer; the names may be others from now on.
  void ack() { reply(last().version_info()); }
  void ack(const Names& names) {
    name(names);
    ack();
  }
  void nack() {
    request_.mutable_error_detail()->set_message("I do not like it");
    reply(taken_);
    request_.clear_error_detail();
  }
  /// A reply to an answer before the last one.
  void stale(const Names& names) {
    Request request = sds_request(names);
    request.set_response_nonce("0000");
    call->send(request.SerializeAsString());
  }
  void name(const Names& names) {
    request_.mutable_resource_names()->Assign(names.begin(), names.end());
  }

  Rig::CallPtr call;

 private:
  void reply(const std::string& version) {
    taken_ = version;
    request_.clear_node();
    request_.set_version_info(version);
    request_.set_response_nonce(last().nonce());
    call->send(request_.SerializeAsString());
  }
  Request request_;
  std::string taken_;
};

class DeltaClient {
 public:
  DeltaClient(Rig& rig, const Names& names, const std::map<std::string, std::string>& has = {})
      : call(rig.rpc.open(std::string(kSdsPrefix) + "DeltaSecrets", first(names, has))) {}

  DeltaResponse last() const { return call->last<DeltaResponse>(); }
  Names names() const { return names_in(last()); }
  Names removed() const {
    const auto response = last();
    return {response.removed_resources().begin(), response.removed_resources().end()};
  }
  std::string version_of(const std::string& name) const {
    const auto response = last();
    for (const auto& resource : response.resources())
      if (resource.name() == name) return resource.version();
    return {};
  }
  void ack() { change({}, {}); }
  void nack() { change({}, {}, true); }
  void change(const Names& subscribe, const Names& unsubscribe, bool refused = false) {
    DeltaRequest request;
    request.set_type_url(kSecretType);
    for (const auto& name : subscribe) request.add_resource_names_subscribe(name);
    for (const auto& name : unsubscribe) request.add_resource_names_unsubscribe(name);
    request.set_response_nonce(last().nonce());
    if (refused) request.mutable_error_detail()->set_message("I do not like it");
    call->send(request.SerializeAsString());
  }

  Rig::CallPtr call;

 private:
  static std::string first(const Names& names, const std::map<std::string, std::string>& has) {
    DeltaRequest request;
    request.set_type_url(kSecretType);
    for (const auto& name : names) request.add_resource_names_subscribe(name);
    for (const auto& [name, version] : has)
      (*request.mutable_initial_resource_versions())[name] = version;
    return request.SerializeAsString();
  }
};

}  // namespace signet::agent::test
