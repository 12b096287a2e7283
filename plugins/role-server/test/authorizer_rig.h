// AuthorizerTest: an authorizer over agents in a fake datastore and entries set by hand.
#pragma once

#include <cstring>

#include <gtest/gtest.h>

#include "agent_records.h"
#include "authorizer.h"
#include "entry_record.h"
#include "fake_entries.h"
#include "server_fakes.h"
#include "spire/api/types/status.pb.h"

namespace signet::server {

using Reason = spire::api::types::PermissionDeniedDetails;

inline const std::string kAgentId = "spiffe://example.org/spire/agent/x509pop/node-1";
inline const std::string kAdminId = "spiffe://other.org/admin";  // by admin_ids
inline const std::string kAdminEntryId = "spiffe://example.org/ops/admin";
inline const std::string kDownstreamId = "spiffe://example.org/nested/server";
inline const std::string kWorkloadId = "spiffe://example.org/web";

class AuthorizerTest : public ::testing::Test {
 protected:
  AuthorizerTest() {
    config_.admin_ids.push_back(*SpiffeId::parse(kAdminId));
    entries_.privileges_of[kAdminEntryId].admin = true;
    entries_.privileges_of[kDownstreamId].downstream =
        std::make_shared<const spire::api::types::Entry>();
    restart();
    EXPECT_TRUE(agents_
                    ->attested({.id = *SpiffeId::parse(kAgentId),
                                .attestation_type = "x509pop",
                                .serial = "1",
                                .expires_at = host_.now() + 3600,
                                .can_reattest = false,
                                .selectors = {}})
                    .ok());
  }
  // Everything that lives in memory goes; the datastore stays.
  void restart(std::chrono::seconds offline = std::chrono::minutes(15)) {
    agents_.reset();
    changes_ = std::make_unique<ChangeFollower>(host_.host(), store_, offline);
    agents_ = std::make_unique<AgentRecords>(host_.host(), store_, *changes_, entries_);
    changes_->subscribe(agents_.get());
    ASSERT_TRUE(changes_->start().ok());
    context_ = ServiceContext{.host = host_.host(),
                              .config = &config_,
                              .datastore = &store_,
                              .changes = changes_.get(),
                              .agents = agents_.get(),
                              .entries = &entries_};
  }
  Caller network(const std::string& id, const std::string& serial = "7") const {
    Caller caller;
    caller.address = "10.0.0.7:4711";
    caller.identity = std::make_shared<const PeerIdentity>(
        PeerIdentity{*SpiffeId::parse(id), serial, host_.now() + 3600});
    return caller;
  }
  static Caller anonymous() {
    Caller caller;
    caller.address = "10.0.0.7:4711";
    return caller;
  }
  static Caller local() {
    Caller caller;
    caller.local = true;
    return caller;
  }
  Status authorize(std::string_view method, Caller& caller) {
    const MethodRule* rule = find_method(method);
    EXPECT_NE(rule, nullptr) << method;
    const Authorizer authorizer(context_);
    const Status status = authorizer.authorize(*rule, caller);
    asked_ = caller.unconfirmed;
    return asked_ ? authorizer.confirm(*rule, caller) : status;
  }
  // An agent's call as it is answered: "OK", the reason of a refusal, or another code.
  std::string answer(const std::string& serial = "1") {
    Caller caller = network(kAgentId, serial);
    const Status status = authorize("/spire.api.server.svid.v1.SVID/NewJWTSVID", caller);
    EXPECT_EQ(status.ok(), caller.authorized_as == kAgent);
    if (status.code() != Code::kPermissionDenied) return std::string(code_name(status.code()));
    return Reason::Reason_Name(reason(network(kAgentId, serial)));
  }
  // What another server of the trust domain does; this one has not read the log yet.
  struct OtherServer {
    explicit OtherServer(const AuthorizerTest& test)
        : changes(test.host_.host(), test.store_),
          agents(test.host_.host(), test.store_, changes, entries) {}
    testing::FakeEntries entries;
    ChangeFollower changes;
    AgentRecords agents;
  };
  void put_entry(const std::string& id, const std::string& privilege, std::int64_t expires_at) {
    spire::api::types::Entry entry;
    entry.set_id("e" + std::to_string(++entries_made_));
    entry.mutable_spiffe_id()->set_trust_domain("example.org");
    entry.mutable_spiffe_id()->set_path(id.substr(std::strlen("spiffe://example.org")));
    entry.mutable_parent_id()->set_trust_domain("example.org");
    entry.set_admin(privilege == "admin");
    entry.set_downstream(privilege == "downstream");
    entry.set_expires_at(expires_at);
    auto tx = store_.write();
    Record record = entry_to_record(entry);
    ASSERT_TRUE(tx->put(record).ok());
    ASSERT_TRUE(tx->commit().ok());
  }
  void pass(std::int64_t seconds) {
    host_.advance(seconds);
    host_.fire_timers();
  }
  // What the refusal tells an agent to do.
  Reason::Reason reason(Caller caller) {
    const Status status = authorize("/spire.api.server.svid.v1.SVID/NewJWTSVID", caller);
    EXPECT_EQ(status.code(), Code::kPermissionDenied);
    EXPECT_EQ(status.message(),
              "authorization denied for method /spire.api.server.svid.v1.SVID/NewJWTSVID");
    Reason detail;
    if (status.detail() != nullptr) {
      EXPECT_TRUE(detail.ParseFromString(status.detail()->value));
    }
    return detail.reason();
  }
  // An agent's call with the SVID of that serial, as the server handles it.
  Status call_with(const std::string& serial) {
    Caller caller = network(kAgentId, serial);
    SIGNET_RETURN_IF_ERROR(authorize("/spire.api.server.svid.v1.SVID/NewJWTSVID", caller));
    return caller.promote ? agents_->promote(kAgentId, serial) : Status();
  }

  testing::QuietHost host_;
  Datastore store_ = *Datastore::acquire(host_.host());
  ServerConfig config_{*TrustDomain::parse("example.org")};
  testing::FakeEntries entries_;
  std::unique_ptr<ChangeFollower> changes_;
  std::unique_ptr<AgentRecords> agents_;
  ServiceContext context_;
  bool asked_ = false;  // whether the datastore was asked by the last authorize()
  int entries_made_ = 0;
};

}  // namespace signet::server
