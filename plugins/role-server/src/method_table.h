// The authorisation table: who may call what, on which socket, and under which rate limit.
// One row per method of the server's API; a method without a row is not served.
// Source: docs/spire-compatibility.md (SPIRE's default policy).
#pragma once

#include <cstdint>
#include <string_view>

namespace signet::server {

// Classes of callers, as bits.
enum CallerClass : std::uint8_t {
  kNobody = 0,
  kAny = 1,         // no test at all
  kLocal = 2,       // on the admin socket
  kAdmin = 4,       // by admin_ids, or an entry with admin = true
  kDownstream = 8,  // an entry with downstream = true
  kAgent = 16,      // an attested agent whose SVID is in force
};

// Token buckets; callers of the same address share one per kind. kCsr is one for all its methods.
enum class Limit : std::uint8_t {
  kNone,
  kAttest,
  kCsr,
  kJsr,
  kWsr,
  kPushKey,
  kPostStatus,
  kExplain
};

struct MethodRule {
  std::string_view method;  // "/package.Service/Method"
  std::uint8_t callers;     // CallerClass bits
  bool admin_socket_only = false;
  Limit limit = Limit::kNone;
  std::string_view limit_name = {};  // "... due to <limit_name> rate limiting"
};

inline constexpr std::uint8_t kAL = kAdmin | kLocal;

inline constexpr MethodRule kMethods[] = {
    {"/spire.api.server.svid.v1.SVID/MintX509SVID", kAL},
    {"/spire.api.server.svid.v1.SVID/MintJWTSVID", kAL},
    {"/spire.api.server.svid.v1.SVID/MintWITSVID", kAL},
    {"/spire.api.server.svid.v1.SVID/BatchNewX509SVID", kAgent, false, Limit::kCsr,
     "certificate signing"},
    {"/spire.api.server.svid.v1.SVID/NewJWTSVID", kAgent, false, Limit::kJsr,
     "JWT signing request"},
    {"/spire.api.server.svid.v1.SVID/BatchNewWITSVID", kAgent, false, Limit::kWsr,
     "certificate signing"},  // the peer's word
    {"/spire.api.server.svid.v1.SVID/NewDownstreamX509CA", kDownstream, false, Limit::kCsr,
     "downstream CA signing rate limit"},

    {"/spire.api.server.bundle.v1.Bundle/GetBundle", kAny},
    {"/spire.api.server.bundle.v1.Bundle/AppendBundle", kAL},
    {"/spire.api.server.bundle.v1.Bundle/CountBundles", kAL},
    {"/spire.api.server.bundle.v1.Bundle/ListFederatedBundles", kAL},
    {"/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority", kDownstream, false, Limit::kPushKey,
     "key publishing"},
    {"/spire.api.server.bundle.v1.Bundle/PublishWITAuthority", kDownstream, false, Limit::kPushKey,
     "key publishing"},
    {"/spire.api.server.bundle.v1.Bundle/GetFederatedBundle", kAL | kAgent},
    {"/spire.api.server.bundle.v1.Bundle/BatchCreateFederatedBundle", kAL},
    {"/spire.api.server.bundle.v1.Bundle/BatchUpdateFederatedBundle", kAL},
    {"/spire.api.server.bundle.v1.Bundle/BatchSetFederatedBundle", kAL},
    {"/spire.api.server.bundle.v1.Bundle/BatchDeleteFederatedBundle", kAL},

    {"/spire.api.server.debug.v1.Debug/GetInfo", kLocal, true},

    {"/spire.api.server.entry.v1.Entry/CountEntries", kAL},
    {"/spire.api.server.entry.v1.Entry/ListEntries", kAL},
    {"/spire.api.server.entry.v1.Entry/GetEntry", kAL},
    {"/spire.api.server.entry.v1.Entry/BatchCreateEntry", kAL},
    {"/spire.api.server.entry.v1.Entry/BatchUpdateEntry", kAL},
    {"/spire.api.server.entry.v1.Entry/BatchDeleteEntry", kAL},
    {"/spire.api.server.entry.v1.Entry/GetAuthorizedEntries", kAgent},
    {"/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries", kAgent},

    {"/signet.delivery.v1.Delivery/Follow", kAgent},

    {"/signet.explain.v1.ServerExplain/ExplainEntry", kLocal, true},
    {"/signet.explain.v1.ServerExplain/AskAboutCaller", kAgent, false, Limit::kExplain, "explain"},

    {"/signet.server.v1.Server/GetPublication", kLocal, true},
    {"/signet.server.v1.Server/Leave", kLocal, true},
    {"/signet.server.v1.Server/GetFreshness", kLocal, true},
    {"/signet.server.v1.Server/GetFederation", kLocal, true},

    {"/spire.api.server.logger.v1.Logger/GetLogger", kLocal, true},
    {"/spire.api.server.logger.v1.Logger/SetLogLevel", kLocal, true},
    {"/spire.api.server.logger.v1.Logger/ResetLogLevel", kLocal, true},

    {"/spire.api.server.localauthority.v1.LocalAuthority/GetJWTAuthorityState", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/PrepareJWTAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/ActivateJWTAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/TaintJWTAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/RevokeJWTAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/PrepareX509Authority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/ActivateX509Authority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/TaintX509Authority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509Authority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/GetWITAuthorityState", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/PrepareWITAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/ActivateWITAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/TaintWITAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/RevokeWITAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority", kAL},
    {"/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority", kAL},

    {"/spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships", kAL},
    {"/spire.api.server.trustdomain.v1.TrustDomain/GetFederationRelationship", kAL},
    {"/spire.api.server.trustdomain.v1.TrustDomain/BatchCreateFederationRelationship", kAL},
    {"/spire.api.server.trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship", kAL},
    {"/spire.api.server.trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship", kAL},
    {"/spire.api.server.trustdomain.v1.TrustDomain/RefreshBundle", kAL},

    {"/spire.api.server.agent.v1.Agent/CountAgents", kAL},
    {"/spire.api.server.agent.v1.Agent/ListAgents", kAL},
    {"/spire.api.server.agent.v1.Agent/GetAgent", kAL},
    {"/spire.api.server.agent.v1.Agent/DeleteAgent", kAL},
    {"/spire.api.server.agent.v1.Agent/BanAgent", kAL},
    {"/spire.api.server.agent.v1.Agent/CreateJoinToken", kAL},
    {"/spire.api.server.agent.v1.Agent/AttestAgent", kAny, false, Limit::kAttest, "attest agent"},
    {"/spire.api.server.agent.v1.Agent/RenewAgent", kAgent, false, Limit::kCsr, "renew agent"},
    {"/spire.api.server.agent.v1.Agent/PostStatus", kAgent, false, Limit::kPostStatus,
     "post status"},

    {"/grpc.health.v1.Health/Check", kLocal, true},
    {"/grpc.health.v1.Health/List", kLocal, true},
    {"/grpc.health.v1.Health/Watch", kLocal, true},
};

/// The row of a method, or nullptr.
constexpr const MethodRule* find_method(std::string_view method) {
  for (const MethodRule& rule : kMethods) {
    if (rule.method == method) return &rule;
  }
  return nullptr;
}

/// Tokens a second (and burst) of a limit's bucket.
constexpr std::uint32_t rate_of(Limit limit) {
  switch (limit) {
    case Limit::kNone:
      return 0;
    case Limit::kAttest:
      return 1;
    case Limit::kPostStatus:
      return 10;
    case Limit::kExplain:
      return 5;
    case Limit::kCsr:
    case Limit::kJsr:
    case Limit::kWsr:
    case Limit::kPushKey:
      return 500;
  }
  return 0;
}

}  // namespace signet::server
