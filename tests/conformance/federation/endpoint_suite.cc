// What signet/abi/bundle_endpoint.h promises, asked of a shared object.
//
//   bundleendpoint-conformance --plugin FILE.so [--config JSON]
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "signet/bundle_endpoint.h"

#include "http/get.h"
#include "suite_main.h"
#include "tls_peer.h"
#include "x509/pem.h"

namespace signet::conformance {
namespace {

using namespace std::chrono_literals;

constexpr const char* kId = "spiffe://example.org/spire/server";

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "BundleEndpoint"};
  return plugin;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

// An answer, and the certificate that it came with.
struct Seen {
  Result<std::string> document;
  std::string certificate;
};

Seen ask(std::uint32_t port, const std::string& path = "/") {
  Seen seen{Status::internal("not asked"), {}};
  http::GetRequest request;
  request.url = "https://127.0.0.1:" + std::to_string(port) + path;
  request.timeout = 5s;
  request.judge_tls = [&](void* context) {
    SSL_CTX_set_cert_verify_callback(
        static_cast<SSL_CTX*>(context),
        [](X509_STORE_CTX* store, void* arg) {
          auto& out = *static_cast<std::string*>(arg);
          unsigned char* der = nullptr;
          const int size = i2d_X509(X509_STORE_CTX_get0_cert(store), &der);
          out.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
          OPENSSL_free(der);
          X509_STORE_CTX_set_error(store, X509_V_OK);
          return 1;
        },
        &seen.certificate);
  };
  seen.document = http::get(request);
  return seen;
}

class BundleEndpointSuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    auto client = BundleEndpointClient::acquire(host());
    ASSERT_TRUE(client.ok()) << client.status().to_string();
    client_.emplace(std::move(*client));
    std::string name = (std::filesystem::temp_directory_path() / "endpoint-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    stream_.stop();
    std::filesystem::remove_all(folder_);
  }
  static Host host() { return scope().host(); }
  Status show(const Svid& svid) {
    return client_->set_identity(host(), {svid.der}, host().secret(svid.pkcs8.text()));
  }
  static EndpointOptions at(std::uint32_t port = 0) {
    EndpointOptions options;
    options.address = "127.0.0.1";
    options.port = port;
    return options;
  }
  std::uint32_t serve(EndpointOptions options = {}) {
    options.address = "127.0.0.1";
    const auto port = client_->serve(stream_, options, {});
    EXPECT_TRUE(port.ok()) << port.status().to_string();
    return port ? *port : 0;
  }
  Status document(std::string_view text) { return client_->set_document(host(), text); }
  static bool soon(const std::function<bool()>& check) {
    for (int n = 0; n < 500; ++n) {
      if (check()) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
  void write_files(const Svid& svid) {
    std::ofstream(folder_ / "key.pem") << svid.key.to_pem().text();
    std::ofstream(folder_ / "cert.pem")
        << x509::write_pem(x509::Certificate::parse(crypto::as_bytes(svid.der)).value());
  }

  std::optional<BundleEndpointClient> client_;
  ServiceStream stream_;
  std::filesystem::path folder_;
  Authority ca_{"example.org"};
};

// The first one: afterwards there is an identity or a document.
TEST_F(BundleEndpointSuite, AaHasToHaveAnIdentityAndThenADocument) {
  EXPECT_EQ(client_->serve(stream_, at(), {}).status().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(show(Svid(ca_, kId)).ok());
  EXPECT_EQ(ask(serve()).document.status().message(), "unexpected status code 500");
}

// Nothing is asked of the client.
TEST_F(BundleEndpointSuite, Rule62ServesTheDocumentToAnybodyAsJson) {
  const Svid svid(ca_, kId);
  ASSERT_TRUE(show(svid).ok());
  const auto port = serve();
  ASSERT_TRUE(document("{\"keys\": []}").ok());
  const Seen seen = ask(port);
  EXPECT_EQ(seen.document.value(), "{\"keys\": []}");
  EXPECT_EQ(seen.certificate, svid.der);
  ASSERT_TRUE(document("next").ok());
  EXPECT_EQ(ask(port, "/?x=y").document.value(), "next");
  EXPECT_EQ(ask(port, "/other").document.status().message(), "unexpected status code 404");
}

TEST_F(BundleEndpointSuite, Rule59ServesHttpsSpiffeAndShowsANewIdentityWithoutAPause) {
  const Svid first(ca_, kId), second(ca_, kId);
  ASSERT_TRUE(document("x").ok());
  ASSERT_TRUE(show(first).ok());
  const auto port = serve();
  EXPECT_EQ(ask(port).certificate, first.der);
  ASSERT_TRUE(show(second).ok());
  const Seen seen = ask(port);
  EXPECT_EQ(seen.certificate, second.der);
  EXPECT_TRUE(seen.document.ok());
}

TEST_F(BundleEndpointSuite, ServesOnceAtATimeAndEndsWithItsCall) {
  ASSERT_TRUE(show(Svid(ca_, kId)).ok());
  const auto port = serve();
  ServiceStream second;
  EXPECT_EQ(client_->serve(second, at(), {}).status().code(), Code::kFailedPrecondition);
  stream_.stop();
  EXPECT_EQ(ask(port).document.status().code(), Code::kUnavailable);
  ASSERT_TRUE(show(Svid(ca_, kId)).ok());
  serve();
}

TEST_F(BundleEndpointSuite, AnAddressThatIsTakenIsUnavailable) {
  ASSERT_TRUE(show(Svid(ca_, kId)).ok());
  TlsPeer other(Svid(ca_, kId), [](const std::string&, const TlsPeer::Write&) {});
  EXPECT_EQ(client_->serve(stream_, at(other.port()), {}).status().code(), Code::kUnavailable);
}

TEST_F(BundleEndpointSuite, Rule59ServesHttpsWebFromFilesAndReadsThemAgain) {
  const Svid first(ca_, "spiffe://example.org/web"), next(ca_, "spiffe://example.org/next");
  write_files(first);
  ASSERT_TRUE(document("x").ok());
  EndpointOptions options;
  options.certificate_file = folder_ / "cert.pem";
  options.key_file = folder_ / "key.pem";
  options.file_check = 50ms;
  const auto port = serve(options);
  EXPECT_EQ(ask(port).certificate, first.der);

  // Half a change: the certificate is new, the key is not.
  std::ofstream(folder_ / "cert.pem")
      << x509::write_pem(x509::Certificate::parse(crypto::as_bytes(next.der)).value());
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(ask(port).certificate, first.der);
  write_files(next);
  EXPECT_TRUE(soon([&] { return ask(port).certificate == next.der; }));
}

TEST_F(BundleEndpointSuite, FilesThatAreNotGoodAreNamed) {
  EndpointOptions options;
  options.address = "127.0.0.1";
  options.certificate_file = folder_ / "cert.pem";
  options.key_file = folder_ / "key.pem";
  options.file_check = 1s;
  const auto port = client_->serve(stream_, options, {});
  ASSERT_FALSE(port.ok());
  EXPECT_NE(port.status().message().find("cert.pem"), std::string::npos);
}

// The last one: it stops the plugin.
TEST_F(BundleEndpointSuite, ZzDrainEndsItsCall) {
  ASSERT_TRUE(show(Svid(ca_, kId)).ok());
  std::atomic<int> ends{0};
  const auto port = client_->serve(stream_, at(), [&](const Status&) { ++ends; });
  ASSERT_TRUE(port.ok()) << port.status().to_string();
  client_.reset();
  scope().stop();
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(ask(*port).document.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin(), [] {});
}
