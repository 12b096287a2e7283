#include "crypto/encoding.h"

#include <gtest/gtest.h>

#include "crypto/der_writer.h"

namespace signet::crypto {
namespace {

TEST(Base64, HasOneSpellingPerValue) {
  EXPECT_EQ(base64_encode(as_bytes("any carnal pleas")), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(to_string(*base64_decode("YW55IGNhcm5hbCBwbGVhcw==")), "any carnal pleas");
  for (const char* bad : {"YQ", "YQ=", "YR==", "Y===", "YQ==\n", "=", "Y=Q=", "YQ==YQ=="}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
  EXPECT_EQ(base64url_encode(Bytes{0xfb, 0xff}), "-_8");
  EXPECT_EQ(base64url_decode("-_8"), (Bytes{0xfb, 0xff}));
  for (const char* bad : {"-_8=", "+/8", "-_9", "A"}) EXPECT_FALSE(base64url_decode(bad)) << bad;
  EXPECT_TRUE(base64url_decode("")->empty());
}

TEST(Hex, ReadsBothCases) {
  EXPECT_EQ(hex_encode(Bytes{0x0a, 0xff}), "0aff");
  EXPECT_EQ(hex_decode("0AfF"), (Bytes{0x0a, 0xff}));
  EXPECT_FALSE(hex_decode("0"));
  EXPECT_FALSE(hex_decode("0g"));
}

TEST(SecretBytes, ComparesInConstantTimeAndMoves) {
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "abcd"));
  SecretBytes a(as_bytes("key"));
  const SecretBytes b = std::move(a);
  EXPECT_EQ(b.text(), "key");
  EXPECT_TRUE(a.empty());  // NOLINT: moved-from is empty by contract
}

TEST(DerReader, RefusesLengthsThatAreNotMinimalOrDefinite) {
  for (const Bytes& bad : {Bytes{0x04, 0x80, 0x00, 0x00}, Bytes{0x04, 0x81, 0x01, 0xaa},
                           Bytes{0x04, 0x82, 0x00, 0x80}, Bytes{0x04, 0x02, 0xaa}, Bytes{0x04},
                           Bytes{0x1f, 0x01, 0x00}, Bytes{0x04, 0x85, 1, 0, 0, 0, 0}}) {
    der::Reader reader(bad);
    EXPECT_FALSE(reader.any()) << hex_encode(bad);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(DerReader, RefusesPaddedIntegersAndOids) {
  const auto integer = [](Bytes der) { return der::Reader(der).unsigned_integer().empty(); };
  EXPECT_TRUE(integer({0x02, 0x02, 0x00, 0x01}));
  EXPECT_TRUE(integer({0x02, 0x02, 0xff, 0x80}));
  EXPECT_TRUE(integer({0x02, 0x00}));
  EXPECT_TRUE(integer({0x02, 0x01, 0x80}));
  EXPECT_FALSE(integer({0x02, 0x02, 0x00, 0x80}));
  const auto oid = [](Bytes der) { return der::Reader(der).oid().empty(); };
  EXPECT_TRUE(oid({0x06, 0x02, 0x80, 0x01}));
  EXPECT_TRUE(oid({0x06, 0x01, 0x81}));
  EXPECT_FALSE(oid({0x06, 0x01, 0x2a}));
}

TEST(DerTime, RoundTripsOnBothSidesOf2050) {
  for (std::int64_t seconds : {0LL, 1800000000LL, 2524607999LL, 2524608000LL, 253402300799LL}) {
    der::Writer out;
    out.time(std::chrono::sys_seconds(std::chrono::seconds(seconds)));
    EXPECT_EQ(out.bytes()[0], seconds < 2524608000 ? der::kUtcTime : der::kGeneralizedTime);
    EXPECT_EQ(der::Reader(out.bytes()).time()->time_since_epoch().count(), seconds);
  }
  for (const char* bad : {"270101000000", "2701010000Z", "271301000000Z", "270230000000Z",
                          "270101240000Z", "27010100000aZ", "270101000000+0000"}) {
    der::Writer out;
    out.text(der::kUtcTime, bad);
    EXPECT_FALSE(der::Reader(out.bytes()).time()) << bad;
  }
}

TEST(DerWriter, WritesLongLengthsAndNamedBits) {
  der::Writer out;
  out.sequence([&] { out.octet_string(Bytes(300)); });
  EXPECT_EQ(hex_encode(ByteView(out.bytes()).first(8)), "308201300482012c");
  for (std::uint16_t bits : {0x0000, 0x0001, 0x0015, 0x0060, 0x0100, 0x01ff}) {
    der::Writer named;
    named.named_bits(bits);
    EXPECT_EQ(der::Reader(named.bytes()).named_bits(), bits);
  }
}

}  // namespace
}  // namespace signet::crypto
