#include "method_table.h"

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

}  // namespace
}  // namespace signet::server
