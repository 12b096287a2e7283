#include "workload_client/authorize.h"

#include <gtest/gtest.h>

namespace signet::workload_client {
namespace {

SpiffeId id(const char* uri) { return SpiffeId::parse(uri).value(); }

TEST(Authorize, AnyIsAny) { EXPECT_TRUE(authorize_any()(id("spiffe://a.org/x")).ok()); }

TEST(Authorize, ByIdIsExact) {
  const Authorize db = authorize_id(id("spiffe://a.org/db"));
  EXPECT_TRUE(db(id("spiffe://a.org/db")).ok());
  for (const char* other : {"spiffe://a.org/db/x", "spiffe://a.org/d", "spiffe://a.org/DB",
                            "spiffe://b.org/db", "spiffe://a.org"}) {
    const Status refused = db(id(other));
    EXPECT_EQ(refused.code(), Code::kPermissionDenied) << other;
    EXPECT_NE(refused.message().find(other), std::string::npos);
  }
}

TEST(Authorize, OneOfKnowsEach) {
  const Authorize some = authorize_one_of({id("spiffe://a.org/1"), id("spiffe://b.org/2")});
  EXPECT_TRUE(some(id("spiffe://a.org/1")).ok());
  EXPECT_TRUE(some(id("spiffe://b.org/2")).ok());
  EXPECT_FALSE(some(id("spiffe://b.org/1")).ok());
  EXPECT_FALSE(authorize_one_of({})(id("spiffe://a.org/1")).ok());
}

TEST(Authorize, MembersAreOfTheTrustDomainItself) {
  const Authorize ours = authorize_member_of(TrustDomain::parse("a.org").value());
  EXPECT_TRUE(ours(id("spiffe://a.org/deep/path")).ok());
  EXPECT_EQ(ours(id("spiffe://sub.a.org/x")).code(), Code::kPermissionDenied);
  EXPECT_FALSE(ours(id("spiffe://a.org.evil/x")).ok());
}

}  // namespace
}  // namespace signet::workload_client
