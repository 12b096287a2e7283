#include "proto/json.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "spiffe/workload/workload.pb.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/types/entry.pb.h"
#include "spire/api/types/federationrelationship.pb.h"
#include "spire/api/types/logger.pb.h"

namespace signet::proto {
namespace {

namespace types = spire::api::types;

std::string print(const google::protobuf::Message& message) {
  auto text = to_cli_json(message);
  return text.ok() ? *text : text.status().to_string();
}

TEST(CliJson, WritesZeroValuesSortsKeysAndLeavesAbsentMessagesOut) {
  EXPECT_EQ(print(types::Entry()),
            R"({"admin":false,"created_at":"0","dns_names":[],"downstream":false,)"
            R"("expires_at":"0","federates_with":[],"hint":"","id":"","jwt_svid_ttl":0,)"
            R"("revision_number":"0","selectors":[],"store_svid":false,"x509_svid_ttl":0})");
}

TEST(CliJson, PrintsLargeNumbersAsStringsAndBytesAsBase64) {
  types::Bundle bundle;
  bundle.set_trust_domain("example.org");
  bundle.set_sequence_number(18446744073709551615u);
  bundle.add_x509_authorities()->set_asn1(std::string("\xff\xfe\x00\x01", 4));
  EXPECT_EQ(print(bundle),
            R"({"jwt_authorities":[],"refresh_hint":"0","sequence_number":"18446744073709551615",)"
            R"("trust_domain":"example.org","wit_authorities":[],)"
            R"("x509_authorities":[{"asn1":"//4AAQ==","tainted":false}]})");
}

TEST(CliJson, PrintsTheChosenProfileOnlyAndEnumsByName) {
  types::FederationRelationship relationship;
  relationship.mutable_https_web();
  EXPECT_EQ(print(relationship), R"({"bundle_endpoint_url":"","https_web":{},"trust_domain":""})");
  types::Logger logger;
  logger.set_current_level(types::DEBUG);
  EXPECT_EQ(print(logger), R"({"current_level":"DEBUG","launch_level":"UNSPECIFIED"})");
}

TEST(CliJson, EscapesWhatGoEscapes) {
  types::SPIFFEID id;
  id.set_path("/<&>\n\"\xe2\x80\xa8\xe2\x82\xac");
  EXPECT_EQ(print(id),
            "{\"path\":\"/\\u003c\\u0026\\u003e\\n\\\"\\u2028\xe2\x82\xac\","
            "\"trust_domain\":\"\"}");
}

TEST(CliJson, KeepsWholeClaimsWhole) {
  ValidateJWTSVIDResponse response;
  auto& claims = *response.mutable_claims()->mutable_fields();
  claims["exp"].set_number_value(1700000000);
  claims["gone"].set_null_value(google::protobuf::NULL_VALUE);
  claims["aud"].mutable_list_value()->add_values()->set_string_value("a");
  EXPECT_EQ(print(response), R"({"claims":{"aud":["a"],"exp":1700000000},"spiffe_id":""})");
}

TEST(CliJson, PrintsNothingOneObjectOrAnArrayForALists) {
  const types::SPIFFEID id;
  using Messages = std::vector<const google::protobuf::Message*>;
  const std::string one = R"({"path":"","trust_domain":""})";
  EXPECT_EQ(*to_cli_json(Messages{}), "");
  EXPECT_EQ(*to_cli_json(Messages{&id}), one);
  EXPECT_EQ(*to_cli_json(Messages{&id, &id}), "[" + one + "," + one + "]");
}

TEST(CliJson, KeepsTheEmptyPageTokenOfAList) {
  spire::api::server::agent::v1::ListAgentsResponse response;
  EXPECT_EQ(print(response), R"({"agents":[],"next_page_token":""})");
}

}  // namespace
}  // namespace signet::proto
