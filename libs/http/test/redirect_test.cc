// Redirects, between TLS servers that say what the test wants.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "http/get.h"
#include "tls_peer.h"

namespace signet::http {
namespace {

using conformance::Authority;
using conformance::Svid;
using conformance::TlsPeer;

class HttpRedirect : public testing::Test {
 protected:
  GetRequest to(const TlsPeer& peer) const {
    GetRequest request{.url = peer.url()};
    request.max_redirects = 1;
    request.judge_tls = [](void* context) {
      SSL_CTX_set_cert_verify_callback(
          static_cast<SSL_CTX*>(context),
          [](X509_STORE_CTX* store, void*) {
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
          },
          nullptr);
    };
    return request;
  }
  static TlsPeer::Say say(std::string text) {
    return [text = std::move(text)](const auto&, const TlsPeer::Write& write) { write(text); };
  }

  Authority ca_{"peer.org"};
  Svid svid_{ca_, "spiffe://peer.org/endpoint"};
  TlsPeer second_{svid_, say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")};
  TlsPeer first_{svid_, say("HTTP/1.1 302 Found\r\nLocation: " + second_.url() +
                            "\r\nContent-Length: 0\r\n\r\n")};
};

TEST_F(HttpRedirect, EachAddressOnTheWayIsJudged) {
  std::vector<std::uint16_t> asked;
  auto request = to(first_);
  request.may_connect = [&](const sockaddr& address) {
    asked.push_back(ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port));
    return asked.back() == first_.port();
  };
  const auto refused = get(request);
  EXPECT_EQ(refused.status().code(), Code::kPermissionDenied) << refused.status().to_string();
  EXPECT_EQ(refused.status().message(), "the address 127.0.0.1 is not a public one");
  EXPECT_EQ(asked, (std::vector{first_.port(), second_.port()}));
  EXPECT_TRUE(second_.paths().empty());

  request.may_connect = [](const sockaddr&) { return true; };
  const auto followed = get(request);
  ASSERT_TRUE(followed.ok()) << followed.status().to_string();
  EXPECT_EQ(*followed, "second");
}

TEST_F(HttpRedirect, WhatIsPublic) {
  const auto judge = [](const char* text) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
      return is_public(reinterpret_cast<const sockaddr&>(v4));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    return is_public(reinterpret_cast<const sockaddr&>(v6));
  };
  for (const char* no :
       {"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "169.254.169.254", "::1",
        "::", "fe80::1", "febf::1", "::ffff:127.0.0.1", "::ffff:169.254.0.1", "::127.0.0.1"}) {
    EXPECT_FALSE(judge(no)) << no;
  }
  for (const char* yes : {"128.0.0.1", "126.255.255.255", "169.253.0.1", "192.0.2.1", "2001:db8::1",
                          "::ffff:192.0.2.1"}) {
    EXPECT_TRUE(judge(yes)) << yes;
  }
}

}  // namespace
}  // namespace signet::http
