#include "minter.h"

#include <string>

#include "fake_server.h"
#include "wire.h"

namespace signet::agent {
namespace {

class MinterTest : public testing::Test {
 protected:
  // `n` entries that the server knows.
  std::vector<EntryPtr> entries(std::size_t n) {
    std::vector<EntryPtr> out;
    for (std::size_t i = 0; i < n; ++i) {
      const std::string name = "e" + std::to_string(i);
      const types::Entry& wire = server_.add(test::entry(name, "/" + name, {"unix:uid:1"}));
      auto entry = entry_from_wire(wire);
      EXPECT_TRUE(entry.ok()) << entry.status().to_string();
      out.push_back(*entry);
    }
    return out;
  }

  test::TestHost host_;
  test::FakeServer server_{host_};
  IdentityStore store_{host_.host(), IdentityStore::Options{}};
  Minter minter_{host_.host(), server_, store_, crypto::KeyType::kEcP256};
};

TEST_F(MinterTest, ABatchIsHalvedByEachFailedCallAndDoubledByEachThatSucceeds) {
  const auto one = entries(1);
  EXPECT_EQ(minter_.limit(), 500u);
  server_.failure = Status::unavailable("away");
  for (const std::size_t limit : {250u, 125u, 62u, 31u, 15u, 7u, 3u, 1u, 1u}) {
    EXPECT_EQ(minter_.mint(one).status().code(), Code::kUnavailable);
    EXPECT_EQ(minter_.limit(), limit);
  }
  server_.failure = {};
  for (const std::size_t limit : {2u, 4u, 8u, 16u, 32u, 64u, 128u, 256u, 500u, 500u}) {
    const auto done = minter_.mint(one);
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    EXPECT_EQ(done->minted, 1u);
    EXPECT_EQ(minter_.limit(), limit);
  }
}

TEST_F(MinterTest, AnItemThatIsRefusedTakesNoOtherWithItAndLeavesTheBatchAsItWas) {
  server_.refuse = {"e1"};
  const auto done = minter_.mint(entries(3));
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->minted, 2u);
  EXPECT_EQ(done->refused, 1u);
  EXPECT_EQ(minter_.limit(), 500u);
}

}  // namespace
}  // namespace signet::agent
