#include "workload_client/x509_context.h"

#include <gtest/gtest.h>

#include "test_authority.h"
#include "workload_client/limits.h"

namespace signet::workload_client {
namespace {

using testing::TestAuthority;

class X509ContextParse : public ::testing::Test {
 protected:
  X509ContextParse() { EXPECT_TRUE(good.ParseFromString(authority.answer("/a"))); }
  // The status of an answer that differs from a good one in one thing.
  Status changed(const std::function<void(::X509SVIDResponse&)>& change) const {
    ::X509SVIDResponse message = good;
    change(message);
    return X509Context::parse(message.SerializeAsString()).status();
  }
  ::X509SVID another(const std::string& path, const std::string& hint) const {
    ::X509SVIDResponse message;
    EXPECT_TRUE(message.ParseFromString(authority.answer(path)));
    message.mutable_svids(0)->set_hint(hint);
    return message.svids(0);
  }

  const TestAuthority authority{"example.org"};
  ::X509SVIDResponse good;
};

TEST_F(X509ContextParse, TakesAGoodOne) {
  EXPECT_TRUE(changed([](auto&) {}).ok());
}

TEST_F(X509ContextParse, OneBadPartRefusesTheWhole) {
  const std::map<std::string, std::function<void(::X509SVIDResponse&)>> bad = {
      {"no identity", [](auto& m) { m.clear_svids(); }},
      {"no certificate", [](auto& m) { m.mutable_svids(0)->clear_x509_svid(); }},
      {"a byte behind", [](auto& m) { m.mutable_svids(0)->mutable_x509_svid()->push_back('x'); }},
      {"cut short", [](auto& m) { m.mutable_svids(0)->mutable_x509_svid()->pop_back(); }},
      {"an authority as leaf",
       [&](auto& m) { m.mutable_svids(0)->set_x509_svid(authority.bundle_der()); }},
      {"a leaf behind the leaf",
       [&](auto& m) {
         m.mutable_svids(0)->mutable_x509_svid()->append(another("/b", "").x509_svid());
       }},
      {"too long a chain",
       [&](auto& m) {
         for (std::size_t n = 0; n < x509::kMaxChainLength; ++n)
           m.mutable_svids(0)->mutable_x509_svid()->append(authority.bundle_der());
       }},
      {"no key", [](auto& m) { m.mutable_svids(0)->clear_x509_svid_key(); }},
      {"no PKCS#8", [](auto& m) { m.mutable_svids(0)->set_x509_svid_key("rubbish"); }},
      {"another's key",
       [&](auto& m) { m.mutable_svids(0)->set_x509_svid_key(another("/a", "").x509_svid_key()); }},
      {"another's name",
       [](auto& m) { m.mutable_svids(0)->set_spiffe_id("spiffe://example.org/b"); }},
      {"no path", [](auto& m) { m.mutable_svids(0)->set_spiffe_id("spiffe://example.org"); }},
      {"no ID", [](auto& m) { m.mutable_svids(0)->set_spiffe_id("https://example.org/a"); }},
      {"own bundle", [](auto& m) { m.mutable_svids(0)->set_bundle("rubbish"); }},
      {"federated bundle",
       [](auto& m) { (*m.mutable_federated_bundles())["spiffe://b.org"] = "rubbish"; }},
      {"federated name",
       [&](auto& m) { (*m.mutable_federated_bundles())["B org"] = authority.bundle_der(); }},
      {"the second identity",
       [](auto& m) { m.add_svids()->set_spiffe_id("spiffe://example.org/b"); }},
  };
  for (const auto& [what, change] : bad) {
    EXPECT_EQ(changed(change).code(), Code::kInvalidArgument) << what;
  }
}

TEST_F(X509ContextParse, TakesAnIntermediateBehindTheLeaf) {
  EXPECT_TRUE(changed([&](auto& m) {
                m.mutable_svids(0)->mutable_x509_svid()->append(authority.bundle_der());
              }).ok());
}

TEST_F(X509ContextParse, OfEqualHintsTheFirstIsTaken) {
  ::X509SVIDResponse message;
  *message.add_svids() = another("/1", "h");
  *message.add_svids() = another("/2", "h");
  *message.add_svids() = another("/3", "");
  *message.add_svids() = another("/4", "");
  const auto context = X509Context::parse(message.SerializeAsString());
  ASSERT_TRUE(context) << context.status().to_string();
  ASSERT_EQ((*context)->svids.size(), 3U);
  EXPECT_EQ((*context)->svids[0].spiffe_id.path(), "/1");
  EXPECT_EQ((*context)->svids[0].hint, "h");
  EXPECT_EQ((*context)->svids[1].spiffe_id.path(), "/3");
}

TEST_F(X509ContextParse, MoreThanAnybodyHasIsRefused) {
  const Status identities = changed([&](auto& m) {
    for (std::size_t n = 0; n < kMaxIdentities; ++n) *m.add_svids() = good.svids(0);
  });
  EXPECT_EQ(identities.message(), "the answer has too many identities");
  const Status bundles = changed([&](auto& m) {
    for (std::size_t n = 0; n < kMaxTrustDomains; ++n)
      (*m.mutable_federated_bundles())["td" + std::to_string(n)] = "";
  });
  EXPECT_EQ(bundles.message(), "the answer has too many bundles");
  EXPECT_FALSE(X509Context::parse(std::string(kMaxAnswerBytes + 1, '\0')));
}

}  // namespace
}  // namespace signet::workload_client
