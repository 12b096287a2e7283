// The server's own SVID: when it is replaced.
#include "server_identity.h"

#include "authorities_rig.h"

namespace signet::server {
namespace {

using testing::AuthoritiesTest;
using testing::kHour;

class ServerIdentityTest : public AuthoritiesTest {
 protected:
  void SetUp() override {
    boot();
    identity_ = std::make_unique<ServerIdentity>(host_.host(), server_->config, server_->bundles,
                                                 authorities());
    server_->bundles.on_changed([this](std::string_view) { identity_->bundle_changed(); });
  }
  std::string leaf() { return identity_->current()->chain.front(); }
  std::unique_ptr<ServerIdentity> identity_;
};

TEST_F(ServerIdentityTest, IsReplacedAtHalfItsLife) {
  ASSERT_TRUE(identity_->start().ok());
  const std::string first = leaf();
  host_.advance(kHour / 2 - 30);
  ASSERT_TRUE(identity_->rotate_if_due().ok());
  EXPECT_EQ(leaf(), first);
  host_.advance(60);
  ASSERT_TRUE(identity_->rotate_if_due().ok());
  EXPECT_NE(leaf(), first);
}

TEST_F(ServerIdentityTest, IsReplacedAtOnceWhenItsAuthorityIsTainted) {
  ASSERT_TRUE(identity_->start().ok());
  const std::string first = leaf();
  const std::string old = x509();
  const auto prepared = authorities().prepare(AuthorityType::kX509);
  ASSERT_TRUE(authorities().activate(AuthorityType::kX509, prepared->authority_id));
  EXPECT_EQ(leaf(), first);
  ASSERT_TRUE(authorities().taint(AuthorityType::kX509, old));
  EXPECT_NE(leaf(), first);
  EXPECT_EQ(identity_->current()->authorities, std::vector<std::string>{x509()});
}

TEST_F(ServerIdentityTest, IsReplacedWhenTheClockWasAhead) {
  ASSERT_TRUE(identity_->start().ok());
  const std::string first = leaf();
  host_.advance(-2 * kHour);
  ASSERT_TRUE(authorities().rotate().ok());
  ASSERT_TRUE(identity_->rotate_if_due().ok());
  EXPECT_NE(leaf(), first);
  EXPECT_LE(identity_->current()->issued_at, host_.now());
}

}  // namespace
}  // namespace signet::server
