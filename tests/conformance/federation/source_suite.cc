// What signet/abi/bundle_source.h promises, asked of a shared object, with endpoints good and
// hostile on this machine. Numbers are those of the rules
// for federation that the tests of the agent name, too: 60, URLs; 61, who the endpoint is.
//
//   bundlesource-conformance --plugin FILE.so [--config JSON]
//
// @WEB_CA@ in the settings becomes a PEM file of the authorities that https_web is tried with.
#include <fstream>

#include <gtest/gtest.h>

#include "signet/bundle_source.h"

#include "suite_main.h"
#include "tls_peer.h"
#include "x509/pem.h"

namespace signet::conformance {
namespace {

using namespace std::chrono_literals;

constexpr const char* kId = "spiffe://peer.org/endpoint";

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "BundleSource"};
  return plugin;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }
Authority& web_authority() {
  static Authority authority("web.org");
  return authority;
}

class BundleSourceSuite : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(scope().status().ok()) << scope().status().to_string(); }
  BundleFetch to(const TlsPeer& peer, const std::string& path = "/") const {
    BundleFetch request;
    request.trust_domain = "peer.org";
    request.url = peer.url(path);
    request.endpoint_id = kId;
    request.roots = {ca_.der()};
    request.allow_private = true;
    return request;
  }
  Result<std::string> fetch(const BundleFetch& request, std::chrono::milliseconds time = 5s) {
    const Host host = scope().host();
    auto client = BundleSourceClient::acquire(host);
    if (!client) return client.status();
    return client->fetch(request, host.deadline_in(time), under_way_);
  }
  static TlsPeer::Say say(std::string text) {
    return
        [text = std::move(text)](const std::string&, const TlsPeer::Write& write) { write(text); };
  }

  BundleFetches under_way_;
  Authority ca_{"peer.org"};
};

// Rule 61.
TEST_F(BundleSourceSuite, Rule61TakesTheDocumentOfAnEndpointWithExactlyTheConfiguredId) {
  TlsPeer peer(Svid(ca_, kId), say(ok("document")));
  const auto document = fetch(to(peer));
  ASSERT_TRUE(document.ok()) << document.status().to_string();
  EXPECT_EQ(*document, "document");
}

TEST_F(BundleSourceSuite, Rule61RefusesAnotherIdAnotherAuthorityAndAnExpiredSvid) {
  TlsPeer other_id(Svid(ca_, "spiffe://peer.org/endpoint/other"), say(ok("x")));
  TlsPeer other_ca(Svid(Authority("peer.org"), kId), say(ok("x")));
  TlsPeer other_domain(Svid(Authority("evil.org"), "spiffe://evil.org/endpoint"), say(ok("x")));
  const auto long_ago = now() - 5h;
  const Authority old("peer.org", long_ago);
  TlsPeer expired(Svid(old, kId, long_ago), say(ok("x")));
  for (TlsPeer* peer : {&other_id, &other_ca, &other_domain, &expired}) {
    auto request = to(*peer);
    if (peer == &expired) request.roots = {old.der()};
    const auto document = fetch(request);
    EXPECT_EQ(document.status().code(), Code::kUnauthenticated) << document.status().to_string();
    EXPECT_TRUE(peer->paths().empty()) << "nothing is asked of a stranger";
  }
}

TEST_F(BundleSourceSuite, Rule61WithoutRootsNobodyIsBelieved) {
  TlsPeer peer(Svid(ca_, kId), say(ok("x")));
  auto request = to(peer);
  request.roots.clear();
  EXPECT_EQ(fetch(request).status().code(), Code::kUnauthenticated);
}

TEST_F(BundleSourceSuite, Rule61HttpsWebWantsAWebCertificateForTheHost) {
  if (plugin().config == "{}") GTEST_SKIP() << "no authority of its web is known";
  TlsPeer peer(Svid(web_authority(), kId, now(), {"localhost"}), say(ok("web")));
  TlsPeer stranger(Svid(ca_, kId, now(), {"localhost"}), say(ok("web")));
  const auto web = [&](const TlsPeer& from) {
    auto request = to(from);
    request.endpoint_id.clear();
    request.roots.clear();
    return request;
  };
  auto request = web(peer);
  EXPECT_EQ(fetch(request).status().code(), Code::kUnauthenticated) << "127.0.0.1 is not its name";
  request.url.replace(request.url.find("127.0.0.1"), 9, "localhost");
  const auto document = fetch(request);
  EXPECT_TRUE(document.ok()) << document.status().to_string();
  request = web(stranger);
  request.url.replace(request.url.find("127.0.0.1"), 9, "localhost");
  EXPECT_EQ(fetch(request).status().code(), Code::kUnauthenticated);
}

// Rule 60.
TEST_F(BundleSourceSuite, Rule60RefusesUrlsThatAreNotHttpsWithoutAUser) {
  TlsPeer peer(Svid(ca_, kId), say(ok("x")));
  auto request = to(peer);
  request.url = "http://127.0.0.1/";
  EXPECT_EQ(fetch(request).status().code(), Code::kInvalidArgument);
  request.url = "https://user@127.0.0.1/";
  EXPECT_EQ(fetch(request).status().code(), Code::kInvalidArgument);
}

TEST_F(BundleSourceSuite, Rule60FollowsThreeRedirectsToHttpsAndForgetsThem) {
  TlsPeer* self = nullptr;
  TlsPeer peer(Svid(ca_, kId), [&](const std::string& path, const TlsPeer::Write& write) {
    const int left = path.size() > 1 ? path[1] - '0' : 0;
    write(left == 0 ? ok("end") : redirect("/" + std::to_string(left - 1)));
  });
  self = &peer;
  const auto document = fetch(to(*self, "/3"));
  ASSERT_TRUE(document.ok()) << document.status().to_string();
  EXPECT_EQ(peer.paths(), (std::vector<std::string>{"/3", "/2", "/1", "/0"}));
  EXPECT_EQ(fetch(to(peer, "/4")).status().message(), "too many redirects");
  EXPECT_TRUE(fetch(to(peer, "/1")).ok());
}

TEST_F(BundleSourceSuite, Rule60RefusesRedirectsToOtherSchemesUsersAndOtherServers) {
  TlsPeer stranger(Svid(ca_, "spiffe://peer.org/other"), say(ok("x")));
  for (const std::string& target :
       {std::string("http://127.0.0.1:1/"), std::string("file:///etc/passwd"),
        std::string("https://user:password@127.0.0.1:1/"), stranger.url()}) {
    TlsPeer peer(Svid(ca_, kId), say(redirect(target)));
    EXPECT_FALSE(fetch(to(peer)).ok()) << target;
  }
  EXPECT_TRUE(stranger.paths().empty());
}

// The limits of a hostile peer.
TEST_F(BundleSourceSuite, RefusesLoopbackAndLinkLocalUnlessAllowed) {
  TlsPeer peer(Svid(ca_, kId), say(ok("x")));
  auto request = to(peer);
  request.allow_private = false;
  for (const char* host : {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
                           "169.254.169.254", "[fe80::1]", "127.1", "2130706433"}) {
    auto one = request;
    one.url.replace(one.url.find("127.0.0.1"), 9, host);
    const auto code = fetch(one, 2s).status().code();
    EXPECT_EQ(code, Code::kPermissionDenied) << host;
  }
  EXPECT_TRUE(peer.paths().empty());
}

TEST_F(BundleSourceSuite, StopsReadingAtTheLimitWhateverTheLengthSays) {
  const std::string mebibyte(1024 * 1024, 'x');
  std::atomic<int> written{0};
  TlsPeer peer(Svid(ca_, kId), [&](const std::string& path, const TlsPeer::Write& write) {
    write(path == "/said" ? "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"
                          : "HTTP/1.1 200 OK\r\n\r\n");
    for (int n = 0; n < 100 && write(mebibyte); ++n) ++written;
  });
  for (const char* path : {"/said", "/unsaid"}) {
    written = 0;
    EXPECT_EQ(fetch(to(peer, path)).status().code(), Code::kResourceExhausted);
    EXPECT_LT(written, 20);
  }
}

TEST_F(BundleSourceSuite, AnEndlessHeadIsRefused) {
  TlsPeer peer(Svid(ca_, kId), [&](const std::string&, const TlsPeer::Write& write) {
    write("HTTP/1.1 200 OK\r\n");
    for (int n = 0; n < 1'000'000; ++n) {
      if (!write("X-Header-" + std::to_string(n) + ": " + std::string(1000, 'y') + "\r\n")) return;
    }
  });
  EXPECT_EQ(fetch(to(peer)).status().code(), Code::kResourceExhausted);
}

TEST_F(BundleSourceSuite, ASlowDripEndsAtTheDeadline) {
  TlsPeer peer(Svid(ca_, kId), [&](const std::string&, const TlsPeer::Write& write) {
    write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (write("x")) std::this_thread::sleep_for(50ms);
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto code = fetch(to(peer), 700ms).status().code();
  EXPECT_EQ(code, Code::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(BundleSourceSuite, EndsWhenItIsCancelled) {
  std::atomic<bool> asked{false};
  TlsPeer peer(Svid(ca_, kId), [&](const std::string&, const TlsPeer::Write& write) {
    write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    asked = true;
    while (write("x")) std::this_thread::sleep_for(50ms);
  });
  std::thread canceller([&] {
    while (!asked) std::this_thread::sleep_for(5ms);
    under_way_.cancel_all();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(fetch(to(peer), 9s).status().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  canceller.join();
  EXPECT_EQ(fetch(to(peer), 9s).status().code(), Code::kCancelled) << "also what begins later";
}

TEST_F(BundleSourceSuite, EveryStatusBut200IsAnError) {
  for (const char* status :
       {"204 No Content", "206 Partial", "404 Not Found", "500 Oh", "304 Same"}) {
    TlsPeer peer(Svid(ca_, kId),
                 say("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_EQ(fetch(to(peer)).status().code(), Code::kUnavailable) << status;
  }
}

// The last one: it stops the plugin.
TEST_F(BundleSourceSuite, ZzDrainEndsWhatIsUnderWay) {
  std::atomic<bool> asked{false};
  TlsPeer peer(Svid(ca_, kId), [&](const std::string&, const TlsPeer::Write& write) {
    write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    asked = true;
    while (write("x")) std::this_thread::sleep_for(50ms);
  });
  std::thread drain([&] {
    while (!asked) std::this_thread::sleep_for(5ms);
    scope().stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(fetch(to(peer), 9s).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  drain.join();
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  using namespace signet::conformance;
  // A proxy that the environment names is not used, or nothing here would be reached.
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, "http://127.0.0.1:1", 1);
  }
  std::string file = (std::filesystem::temp_directory_path() / "web-ca-XXXXXX").string();
  const int code = run_suite(argc, argv, plugin(), [&] {
    ::close(::mkstemp(file.data()));
    std::ofstream(file) << signet::x509::write_pem(web_authority().certificate);
    std::string& config = plugin().config;
    if (const auto at = config.find("@WEB_CA@"); at != std::string::npos) {
      config.replace(at, 8, file);
    }
  });
  ::unlink(file.c_str());
  return code;
}
