// Handshakes by several threads while identities, bundles and subscriptions change under them. What
// is looked for is a race, so ThreadSanitizer is who asks (scripts/test.sh tsan).
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tls_peers.h"

namespace signet::workload_client {
namespace {

using testing::Handshake;
using testing::Peer;
using testing::shake;
using testing::TestAuthority;

constexpr int kShakers = 3;
constexpr int kRotations = 60;

TEST(Rotation, NoHandshakeFailsWhileIdentitiesRotate) {
  TestAuthority authority("example.org");
  TestAuthority other("other.org");
  Peer web(authority.answer("/web/0"));
  Peer db(authority.answer("/db/0"));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client = make_client_context(web.source, authorize_any()).value();
  std::atomic<bool> done = false;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < kShakers; ++n) {
    threads.emplace_back([&] {
      while (!done) {
        const Handshake h = shake(*server, *client);
        ASSERT_TRUE(h.ok) << h.client_verdict.to_string() << h.server_verdict.to_string();
        ASSERT_TRUE(h.client_saw->path().starts_with("/db/"));
        ++good;
      }
    });
  }
  // Contexts come and go as well.
  threads.emplace_back([&] {
    while (!done) {
      const auto short_lived = make_client_context(web.source, authorize_any()).value();
      ASSERT_TRUE(shake(*server, *short_lived).ok);
    }
  });
  for (int n = 1; n <= kRotations; ++n) {
    if (n == kRotations / 2) authority.federate(other);
    web.transport.send(authority.answer("/web/" + std::to_string(n)));
    db.transport.send(n % 10 == 0 ? std::string("rubbish")
                                  : authority.answer("/db/" + std::to_string(n)));
    const int before = good;
    while (good == before && !::testing::Test::HasFailure()) std::this_thread::yield();
  }
  done = true;
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(shake(*server, *client).server_saw->path(), "/web/" + std::to_string(kRotations));
}

}  // namespace
}  // namespace signet::workload_client
