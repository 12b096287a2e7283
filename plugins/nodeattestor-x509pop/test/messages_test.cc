#include "messages.h"

#include <gtest/gtest.h>

namespace signet::x509pop {
namespace {

TEST(X509popMessages, AreWrittenAsSpireWritesThem) {
  EXPECT_EQ(write(Payload{{{1, 2, 3}, {4}}}), R"({"certificates":["AQID","BA=="]})");
  EXPECT_EQ(write(Challenge{true, {1}}),
            R"({"rsa_signature":{"nonce":"AQ=="},"ecdsa_signature":null})");
  EXPECT_EQ(write(Challenge{false, {1}}),
            R"({"rsa_signature":null,"ecdsa_signature":{"nonce":"AQ=="}})");
  EXPECT_EQ(write(Response{true, {1}, {2}, {}, {}}),
            R"({"rsa_signature":{"nonce":"AQ==","signature":"Ag=="},"ecdsa_signature":null})");
  EXPECT_EQ(write(Response{false, {1}, {}, {2}, {3}}),
            R"({"rsa_signature":null,"ecdsa_signature":{"nonce":"AQ==","r":"Ag==","s":"Aw=="}})");
}

TEST(X509popMessages, AreReadAsTheyAreWritten) {
  EXPECT_EQ(read_payload(write(Payload{{{1, 2, 3}, {4}}}))->certificates[1], Bytes{4});
  const auto challenge = read_challenge(write(Challenge{false, {7}}));
  ASSERT_TRUE(challenge.ok());
  EXPECT_FALSE(challenge->rsa);
  EXPECT_EQ(challenge->nonce, Bytes{7});
  const auto response = read_response(write(Response{false, {1}, {}, {2}, {3}}));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->r, Bytes{2});
  EXPECT_EQ(response->s, Bytes{3});
  EXPECT_EQ(read_response(write(Response{true, {1}, {2}, {}, {}}))->signature, Bytes{2});
}

TEST(X509popMessages, TheOtherMemberMayBeLeftOutAndUnknownOnesAreSkipped) {
  EXPECT_TRUE(read_challenge(R"({"rsa_signature":{"nonce":"AQ=="},"more":1})")->rsa);
}

TEST(X509popMessages, RefusesWhatHasAnotherShape) {
  for (const char* bad :
       {"", "x", "[]", "{}", R"({"certificates":[]})", R"({"certificates":"AQ=="})",
        R"({"certificates":[1]})", R"({"certificates":["?"]})"}) {
    EXPECT_EQ(read_payload(bad).status().code(), Code::kInvalidArgument) << bad;
  }
  for (const char* bad :
       {"{}", R"({"rsa_signature":null})", R"({"rsa_signature":{},"ecdsa_signature":null})",
        R"({"rsa_signature":{"nonce":"AQ=="},"ecdsa_signature":{"nonce":"AQ=="}})",
        R"({"rsa_signature":"AQ=="})", R"({"ecdsa_signature":{"nonce":1}})"}) {
    EXPECT_EQ(read_challenge(bad).status().code(), Code::kInvalidArgument) << bad;
    EXPECT_EQ(read_response(bad).status().code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(read_response(R"({"ecdsa_signature":{"nonce":"AQ==","r":"AQ=="}})").ok());
}

TEST(X509popMessages, RefusesWhatIsTooLargeOrTooDeep) {
  EXPECT_FALSE(read_payload(std::string(kMaxMessageBytes + 1, ' ')).ok());
  EXPECT_FALSE(read_payload(std::string(1000, '[')).ok());
  Payload many;
  many.certificates.assign(101, {1});
  EXPECT_FALSE(read_payload(write(many)).ok());
}

}  // namespace
}  // namespace signet::x509pop
