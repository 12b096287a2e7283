// Debug and Logger of the admin socket.
#include "operator_services.h"

#include <gtest/gtest.h>

#include "rig.h"
#include "spire/api/agent/debug/v1/debug.pb.h"
#include "spire/api/types/logger.pb.h"

namespace signet::agent::test {
namespace {

using Info = ::spire::agent::debug::v1::GetInfoResponse;
using std::chrono::seconds;

struct Operators : Rig {
  ~Operators() {
    if (admin) admin->stop(seconds(0));
  }
  void start() {
    Rig::start();
    identity = std::make_unique<AgentIdentity>(host.host());
    debug = std::make_unique<DebugService>(
        host.host(), DebugService::Sources{*identity, *store, [this] { return jwt->size(); },
                                           [this] { return last_sync; }});
    logger = std::make_unique<LoggerService>(host.host());
    admin = std::make_unique<AdminEndpoint>(
        host.host(), AdminOptions{"/run/admin.sock", std::vector<std::uint32_t>{}});
    admin->offer(*debug);
    admin->offer(*logger);
    EXPECT_TRUE(admin->start().ok());
  }
  CallPtr info() { return call("/spire.agent.debug.v1.Debug/GetInfo"); }

  std::int64_t last_sync = 0;
  std::unique_ptr<AgentIdentity> identity;
  std::unique_ptr<DebugService> debug;
  std::unique_ptr<LoggerService> logger;
  std::unique_ptr<AdminEndpoint> admin;
};

TEST(DebugService, CountsWhatIsCachedAndSaysHowLongItHasBeenUp) {
  Operators rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:1"}));
  rig.start();
  (void)rig.fetch_jwt({"db"});
  rig.last_sync = 1234;
  rig.host.advance(seconds(90));
  const auto call = rig.info();
  ASSERT_EQ(call->code(), Code::kOk) << call->words();
  const auto info = call->last<Info>();
  EXPECT_EQ(info.uptime(), 90);
  EXPECT_EQ(info.cached_x509_svids_count(), 2);
  EXPECT_EQ(info.cached_jwt_svids_count(), 1);
  EXPECT_EQ(info.cached_svidstore_x509_svids_count(), 0);
  EXPECT_EQ(info.last_sync_success(), 1234);
}

TEST(DebugService, AnAgentWithoutAnSvidSaysWhatItHas) {
  Operators rig;
  rig.start();
  const auto call = rig.info();
  EXPECT_EQ(call->code(), Code::kOk);
  EXPECT_EQ(call->last<Info>().svid_chain_size(), 0);
  EXPECT_EQ(call->last<Info>().last_sync_success(), 0);
}

TEST(DebugService, AnSvidOfAnAuthorityThatIsNotOursIsAnError) {
  Operators rig;
  rig.start();
  const std::int64_t now = rig.host.unix_seconds();
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  const auto der =
      Authority::make("example.org", now)
          .issue("spiffe://example.org/spire/agent/x", key.public_key().spki(), now, seconds(60));
  AgentSvid svid;
  svid.chain.push_back(x509::Certificate::parse(der).value());
  rig.identity->set(std::make_shared<const AgentSvid>(svid));
  const auto call = rig.info();
  EXPECT_EQ(call->code(), Code::kInternal);
  EXPECT_TRUE(call->words().starts_with("failed to verify agent SVID: ")) << call->words();
}

// The level itself is the host's, and this host has none.
TEST(LoggerService, RefusesWhatIsNoLevel) {
  Operators rig;
  rig.start();
  const auto set = [&](const std::string& request) {
    return rig.call("/spire.api.agent.logger.v1.Logger/SetLogLevel", request)->words();
  };
  EXPECT_EQ(set(""), "newLevel value cannot be LogLevel_UNSPECIFIED");
  EXPECT_EQ(set("\x08\x63"), "unsupported log level");  // 99
  EXPECT_EQ(set("\x08\x06"), "the host has no log");
}

}  // namespace
}  // namespace signet::agent::test
