// What gRPC writes into headers: timeouts, messages, binary values.
#include <gtest/gtest.h>

#include "h2_request.h"
#include "h2_wire.h"

namespace signet::test {
namespace {

TEST(RpcH2Texts, TimeoutsHaveEveryUnitAndNoOther) {
  int64_t ns = 0;
  for (const auto& [text, expected] : {std::pair{"1H", INT64_C(3600'000'000'000)},
                                       {"2M", INT64_C(120'000'000'000)},
                                       {"3S", INT64_C(3'000'000'000)},
                                       {"4m", INT64_C(4'000'000)},
                                       {"5u", INT64_C(5000)},
                                       {"6n", INT64_C(6)},
                                       {"99999999H", INT64_MAX}}) {
    ASSERT_TRUE(rpc_grpc::parse_grpc_timeout(text, &ns)) << text;
    EXPECT_EQ(ns, expected) << text;
  }
  for (const char* text : {"", "1", "S", "-1S", "123456789S", "1s", "1 S"})
    EXPECT_FALSE(rpc_grpc::parse_grpc_timeout(text, &ns)) << text;
}

TEST(RpcH2Texts, MessagesAndBinaryValuesAreEncoded) {
  EXPECT_EQ(rpc_grpc::percent_encoded("a b%\n\xc3\xa4"), "a b%25%0A%C3%A4");
  EXPECT_EQ(rpc_grpc::base64_unpadded(""), "");
  EXPECT_EQ(rpc_grpc::base64_unpadded("a"), "YQ");
  EXPECT_EQ(rpc_grpc::base64_unpadded("abc"), "YWJj");
  rpc_grpc::H2Request r;
  r.add("x-bin", "YWI");
  r.add("y", "1");
  r.add("y", "2");
  const std::string packed = r.take_metadata();
  signet_str values[4];
  ASSERT_EQ(rpc_grpc::find_metadata(packed, "x-bin", values, 4), 1u);
  EXPECT_EQ(view(values[0]), "ab");
  ASSERT_EQ(rpc_grpc::find_metadata(packed, "y", values, 4), 2u);
  EXPECT_EQ(view(values[1]), "2");
  EXPECT_EQ(rpc_grpc::find_metadata(packed, "z", values, 4), 0u);
}

}  // namespace
}  // namespace signet::test
