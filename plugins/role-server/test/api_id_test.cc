#include "api_id.h"

#include <gtest/gtest.h>

namespace signet::server {
namespace {

const TrustDomain kDomain = *TrustDomain::parse("example.org");

spire::api::types::SPIFFEID id(const char* domain, const char* path) {
  spire::api::types::SPIFFEID out;
  out.set_trust_domain(domain);
  out.set_path(path);
  return out;
}

std::string problem(const Result<SpiffeId>& result) { return result.status().message(); }

TEST(ApiId, AbsentMessageIsNamed) {
  EXPECT_EQ(problem(agent_id_from_api(kDomain, nullptr)), "request must specify SPIFFE ID");
}

TEST(ApiId, ForeignIdIsNoMember) {
  const auto foreign = id("other.org", "/x");
  EXPECT_EQ(problem(member_id_from_api(kDomain, &foreign)),
            R"("spiffe://other.org/x" is not a member of trust domain "example.org")");
}

TEST(ApiId, DomainItselfIsNoMember) {
  const auto bare = id("example.org", "");
  EXPECT_EQ(
      problem(member_id_from_api(kDomain, &bare)),
      R"("spiffe://example.org" is not a member of trust domain "example.org"; path is empty)");
}

TEST(ApiId, ReservedPathIsNoWorkload) {
  const auto agent = id("example.org", "/spire/agent/x");
  EXPECT_EQ(problem(workload_id_from_api(kDomain, &agent)),
            R"("spiffe://example.org/spire/agent/x" is not a workload in trust domain )"
            R"("example.org"; path is in the reserved namespace)");
  const auto similar = id("example.org", "/spirex");
  EXPECT_TRUE(workload_id_from_api(kDomain, &similar));
}

TEST(ApiId, WorkloadIsNoAgent) {
  const auto workload = id("example.org", "/db");
  EXPECT_EQ(problem(agent_id_from_api(kDomain, &workload)),
            R"("spiffe://example.org/db" is not an agent in trust domain "example.org"; )"
            R"(path is not in the agent namespace)");
}

}  // namespace
}  // namespace signet::server
