#include "method_table.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"

namespace signet::server {
namespace {

TEST(MethodTable, NamesEachMethodOnce) {
  std::set<std::string_view> seen;
  for (const MethodRule& rule : kMethods) {
    EXPECT_TRUE(seen.insert(rule.method).second) << rule.method;
    EXPECT_NE(rule.callers, kNobody) << rule.method;
  }
}

TEST(MethodTable, HasARowForEveryMethodOfTheServices) {
  const google::protobuf::FileDescriptor* files[] = {
      spire::api::server::agent::v1::GetAgentRequest::descriptor()->file(),
      spire::api::server::bundle::v1::GetBundleRequest::descriptor()->file(),
      spire::api::server::entry::v1::GetEntryRequest::descriptor()->file(),
      spire::api::server::localauthority::v1::AuthorityState::descriptor()->file(),
      spire::api::server::svid::v1::MintX509SVIDRequest::descriptor()->file()};
  for (const auto* file : files) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const std::string path =
            "/" + file->service(s)->full_name() + "/" + file->service(s)->method(m)->name();
        EXPECT_NE(find_method(path), nullptr) << path;
      }
    }
  }
}

TEST(MethodTable, KeepsOperatorsMethodsOffTheNetwork) {
  for (const MethodRule& rule : kMethods) {
    EXPECT_TRUE(rule.callers != kLocal || rule.admin_socket_only) << rule.method;
  }
}

TEST(MethodTable, LimitsEveryMethodThatSignsForAgents) {
  for (const MethodRule& rule : kMethods) {
    const bool signs = rule.method.find("/BatchNew") != std::string_view::npos ||
                       rule.method.find("/NewJWT") != std::string_view::npos ||
                       rule.method.find("/RenewAgent") != std::string_view::npos;
    EXPECT_TRUE(!signs || rule.limit != Limit::kNone) << rule.method;
    EXPECT_EQ(rule.limit == Limit::kNone, rule.limit_name.empty()) << rule.method;
  }
}

// The peer's words, by its sources and, for what can be exceeded by one call, by
// tests/interop/api/svids_test.py.
TEST(MethodTable, LimitsAreNamedAsByThePeer) {
  const std::map<std::string_view, std::string_view> names = {
      {"AttestAgent", "attest agent"},
      {"RenewAgent", "renew agent"},
      {"PostStatus", "post status"},
      {"BatchNewX509SVID", "certificate signing"},
      {"BatchNewWITSVID", "certificate signing"},
      {"NewJWTSVID", "JWT signing request"},
      {"NewDownstreamX509CA", "downstream CA signing rate limit"},
      {"PublishJWTAuthority", "key publishing"},
      {"PublishWITAuthority", "key publishing"}};
  std::size_t found = 0;
  for (const MethodRule& rule : kMethods) {
    if (!rule.method.starts_with("/spire.") || rule.limit == Limit::kNone) continue;
    const std::string_view name = rule.method.substr(rule.method.rfind('/') + 1);
    ASSERT_EQ(names.count(name), 1u) << rule.method;
    EXPECT_EQ(rule.limit_name, names.at(name)) << rule.method;
    ++found;
  }
  EXPECT_EQ(found, names.size());
}

}  // namespace
}  // namespace signet::server
