#include "authorizer.h"

#include <cstring>
#include <iterator>

#include "authorizer_rig.h"

namespace signet::server {
namespace {

// SPIRE's default policy, row by row: A admin, L local, G agent, D downstream, * anybody.
struct PolicyRow {
  const char* method;
  const char* callers;
};
constexpr PolicyRow kPolicy[] = {
    {"svid.v1.SVID/MintX509SVID", "AL"},
    {"svid.v1.SVID/MintJWTSVID", "AL"},
    {"svid.v1.SVID/MintWITSVID", "AL"},
    {"svid.v1.SVID/BatchNewX509SVID", "G"},
    {"svid.v1.SVID/NewJWTSVID", "G"},
    {"svid.v1.SVID/BatchNewWITSVID", "G"},
    {"svid.v1.SVID/NewDownstreamX509CA", "D"},
    {"bundle.v1.Bundle/GetBundle", "*"},
    {"bundle.v1.Bundle/AppendBundle", "AL"},
    {"bundle.v1.Bundle/CountBundles", "AL"},
    {"bundle.v1.Bundle/ListFederatedBundles", "AL"},
    {"bundle.v1.Bundle/PublishJWTAuthority", "D"},
    {"bundle.v1.Bundle/PublishWITAuthority", "D"},
    {"bundle.v1.Bundle/GetFederatedBundle", "ALG"},
    {"bundle.v1.Bundle/BatchCreateFederatedBundle", "AL"},
    {"bundle.v1.Bundle/BatchUpdateFederatedBundle", "AL"},
    {"bundle.v1.Bundle/BatchSetFederatedBundle", "AL"},
    {"bundle.v1.Bundle/BatchDeleteFederatedBundle", "AL"},
    {"debug.v1.Debug/GetInfo", "L"},
    {"entry.v1.Entry/CountEntries", "AL"},
    {"entry.v1.Entry/ListEntries", "AL"},
    {"entry.v1.Entry/GetEntry", "AL"},
    {"entry.v1.Entry/BatchCreateEntry", "AL"},
    {"entry.v1.Entry/BatchUpdateEntry", "AL"},
    {"entry.v1.Entry/BatchDeleteEntry", "AL"},
    {"entry.v1.Entry/GetAuthorizedEntries", "G"},
    {"entry.v1.Entry/SyncAuthorizedEntries", "G"},
    {"trustdomain.v1.TrustDomain/ListFederationRelationships", "AL"},
    {"trustdomain.v1.TrustDomain/GetFederationRelationship", "AL"},
    {"trustdomain.v1.TrustDomain/BatchCreateFederationRelationship", "AL"},
    {"trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship", "AL"},
    {"trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship", "AL"},
    {"trustdomain.v1.TrustDomain/RefreshBundle", "AL"},
    {"localauthority.v1.LocalAuthority/GetX509AuthorityState", "AL"},
    {"localauthority.v1.LocalAuthority/PrepareX509Authority", "AL"},
    {"localauthority.v1.LocalAuthority/ActivateX509Authority", "AL"},
    {"localauthority.v1.LocalAuthority/TaintX509Authority", "AL"},
    {"localauthority.v1.LocalAuthority/RevokeX509Authority", "AL"},
    {"localauthority.v1.LocalAuthority/GetJWTAuthorityState", "AL"},
    {"localauthority.v1.LocalAuthority/PrepareJWTAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/ActivateJWTAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/TaintJWTAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/RevokeJWTAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/GetWITAuthorityState", "AL"},
    {"localauthority.v1.LocalAuthority/PrepareWITAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/ActivateWITAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/TaintWITAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/RevokeWITAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority", "AL"},
    {"localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority", "AL"},
    {"logger.v1.Logger/GetLogger", "L"},
    {"logger.v1.Logger/SetLogLevel", "L"},
    {"logger.v1.Logger/ResetLogLevel", "L"},
    {"agent.v1.Agent/CountAgents", "AL"},
    {"agent.v1.Agent/ListAgents", "AL"},
    {"agent.v1.Agent/GetAgent", "AL"},
    {"agent.v1.Agent/DeleteAgent", "AL"},
    {"agent.v1.Agent/BanAgent", "AL"},
    {"agent.v1.Agent/CreateJoinToken", "AL"},
    {"agent.v1.Agent/AttestAgent", "*"},
    {"agent.v1.Agent/RenewAgent", "G"},
    {"agent.v1.Agent/PostStatus", "G"},
    {"/signet.delivery.v1.Delivery/Follow", "G"},
    {"/signet.explain.v1.ServerExplain/ExplainEntry", "L"},
    {"/signet.explain.v1.ServerExplain/AskAboutCaller", "G"},
    {"/signet.server.v1.Server/GetPublication", "L"},
    {"/signet.server.v1.Server/Leave", "L"},
    {"/signet.server.v1.Server/GetFreshness", "L"},
    {"/signet.server.v1.Server/GetFederation", "L"},
    {"/grpc.health.v1.Health/Check", "L"},
    {"/grpc.health.v1.Health/List", "L"},
    {"/grpc.health.v1.Health/Watch", "L"},
};
std::string path_of(const PolicyRow& row) {
  return *row.method == '/' ? row.method : std::string("/spire.api.server.") + row.method;
}

TEST_F(AuthorizerTest, EveryRowOfThePolicyLetsInWhoItNamesAndNobodyElse) {
  EXPECT_EQ(std::size(kPolicy), std::size(kMethods)) << "a method has no row here";
  struct {
    const char* name;
    char letter;
    Caller caller;
  } const callers[] = {{"anonymous", '-', anonymous()},
                       {"workload", '-', network(kWorkloadId)},
                       {"local", 'L', local()},
                       {"admin", 'A', network(kAdminId)},
                       {"admin", 'A', network(kAdminEntryId)},
                       {"downstream", 'D', network(kDownstreamId)},
                       {"agent", 'G', network(kAgentId, "1")}};
  for (const PolicyRow& row : kPolicy) {
    const std::string path = path_of(row);
    for (const auto& [name, letter, who] : callers) {
      Caller caller = who;
      const Status status = authorize(path, caller);
      const bool anybody = *row.callers == '*';
      const bool expected = anybody || std::strchr(row.callers, letter) != nullptr;
      EXPECT_EQ(status.ok(), expected) << path << " by " << name;
      if (!status.ok()) {
        EXPECT_EQ(status.message(), "authorization denied for method " + path);
      } else if (!anybody) {
        EXPECT_EQ(caller.class_name(), name) << path;
      }
    }
  }
}

TEST_F(AuthorizerTest, SaysByWhatACallerIsWhatItIs) {
  const auto via = [&](const char* method, Caller caller) {
    EXPECT_TRUE(authorize(method, caller).ok());
    return std::string(caller.authorized_via);
  };
  EXPECT_EQ(via("/spire.api.server.entry.v1.Entry/GetEntry", local()), "transport");
  EXPECT_EQ(via("/spire.api.server.entry.v1.Entry/GetEntry", network(kAdminId)), "config");
  EXPECT_EQ(via("/spire.api.server.entry.v1.Entry/GetEntry", network(kAdminEntryId)), "entries");
  EXPECT_EQ(via("/spire.api.server.agent.v1.Agent/PostStatus", network(kAgentId, "1")),
            "datastore");
  EXPECT_EQ(via("/spire.api.server.bundle.v1.Bundle/GetBundle", anonymous()), "");
}

TEST_F(AuthorizerTest, TellsAnAgentWhyItIsRefused) {
  EXPECT_EQ(reason(network("spiffe://example.org/spire/agent/x509pop/stranger")),
            Reason::AGENT_NOT_ATTESTED);
  EXPECT_EQ(reason(network(kAgentId, "99")), Reason::AGENT_NOT_ACTIVE);
  Caller expired = network(kAgentId, "1");
  host_.advance(3601);
  EXPECT_EQ(reason(expired), Reason::AGENT_EXPIRED);
  ASSERT_TRUE(agents_->ban(kAgentId).ok());
  EXPECT_EQ(reason(network(kAgentId, "1")), Reason::AGENT_BANNED);
  EXPECT_EQ(reason(anonymous()), Reason::UNKNOWN) << "it is no agent";
}

TEST_F(AuthorizerTest, ARenewedSvidTakesOverWithItsFirstUse) {
  ASSERT_TRUE(agents_->set_pending(kAgentId, "2", host_.now() + 7200).ok());
  EXPECT_TRUE(call_with("1").ok()) << "the old one is good until then";
  EXPECT_TRUE(call_with("1").ok());
  EXPECT_TRUE(call_with("2").ok());
  EXPECT_EQ(reason(network(kAgentId, "1")), Reason::AGENT_NOT_ACTIVE);
  EXPECT_TRUE(call_with("2").ok());
}

TEST_F(AuthorizerTest, ARestartBetweenRenewalAndFirstUseForgetsNeitherSvid) {
  ASSERT_TRUE(agents_->set_pending(kAgentId, "2", host_.now() + 7200).ok());
  restart();
  EXPECT_TRUE(call_with("1").ok());
  EXPECT_TRUE(call_with("2").ok());
  restart();
  EXPECT_EQ(reason(network(kAgentId, "1")), Reason::AGENT_NOT_ACTIVE);
  EXPECT_TRUE(call_with("2").ok());
}

TEST_F(AuthorizerTest, APeerWithoutACertificateIsAnonymous) {
  RpcPeer peer{};
  const auto identity = Authorizer(context_).verify_peer(peer);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(*identity, nullptr);
}

}  // namespace
}  // namespace signet::server
