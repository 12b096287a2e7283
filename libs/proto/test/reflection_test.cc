#include "proto/reflection.h"

#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace signet::proto {
namespace {

namespace v1 = grpc::reflection::v1;
const std::vector<std::string> kServices = {"grpc.health.v1.Health", "SpiffeWorkloadAPI",
                                            "SpiffeWorkloadAPI"};

v1::ServerReflectionResponse ask(const v1::ServerReflectionRequest& request) {
  auto bytes = answer_reflection(ReflectionVersion::kV1, kServices, request.SerializeAsString());
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  v1::ServerReflectionResponse response;
  EXPECT_TRUE(response.ParseFromString(*bytes));
  EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
  EXPECT_EQ(response.valid_host(), request.host());
  return response;
}

TEST(Reflection, ListsTheServicesOfThisSocketSortedAndOnce) {
  v1::ServerReflectionRequest request;
  request.set_host("h");
  request.set_list_services("*");
  const auto response = ask(request);
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(0).name(), "SpiffeWorkloadAPI");
  EXPECT_EQ(response.list_services_response().service(1).name(), "grpc.health.v1.Health");
}

TEST(Reflection, ServesFilesWithWhatTheyImportSoThatAClientCanBuildThem) {
  v1::ServerReflectionRequest by_symbol;
  by_symbol.set_file_containing_symbol("spire.api.server.entry.v1.Entry");
  const auto response = ask(by_symbol);
  const auto& files = response.file_descriptor_response().file_descriptor_proto();
  ASSERT_GT(files.size(), 4);
  google::protobuf::DescriptorPool pool;
  for (int i = files.size() - 1; i >= 0; --i) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(files[i]));
    if (i == 0) {
      EXPECT_EQ(file.name(), "spire/api/server/entry/v1/entry.proto");
    }
    EXPECT_NE(pool.BuildFile(file), nullptr) << file.name();
  }
  EXPECT_NE(pool.FindServiceByName("spire.api.server.entry.v1.Entry"), nullptr);
}

TEST(Reflection, FindsFilesByNameAndMethodsBySymbol) {
  v1::ServerReflectionRequest request;
  request.set_file_by_filename("spiffe/workload/workload.proto");
  EXPECT_EQ(ask(request).file_descriptor_response().file_descriptor_proto_size(), 2);
  request.set_file_containing_symbol("SpiffeWorkloadAPI.FetchX509SVID");
  EXPECT_EQ(ask(request).file_descriptor_response().file_descriptor_proto_size(), 2);
}

TEST(Reflection, AnswersNotFoundForWhatItDoesNotKnow) {
  v1::ServerReflectionRequest request;
  const auto expect_not_found = [&] {
    EXPECT_EQ(ask(request).error_response().error_code(), 5) << request.ShortDebugString();
  };
  request.set_file_by_filename("nope.proto");
  expect_not_found();
  request.set_file_containing_symbol("no.Such");
  expect_not_found();
  request.mutable_file_containing_extension()->set_containing_type("SpiffeWorkloadAPI");
  expect_not_found();
  request.set_all_extension_numbers_of_type("no.Such");
  expect_not_found();
}

TEST(Reflection, KnowsAMessageWithoutExtensions) {
  v1::ServerReflectionRequest request;
  request.set_all_extension_numbers_of_type("X509SVIDResponse");
  const auto answer = ask(request).all_extension_numbers_response();
  EXPECT_EQ(answer.base_type_name(), "X509SVIDResponse");
  EXPECT_EQ(answer.extension_number_size(), 0);
}

TEST(Reflection, RefusesGarbageAndEmptyQuestions) {
  for (const std::string& bytes : {std::string("\xff\xff"), std::string()}) {
    const auto answer = answer_reflection(ReflectionVersion::kV1, kServices, bytes);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.status().code(), Code::kInvalidArgument);
  }
}

// Same numbers in both versions, so one can read the other's bytes.
TEST(Reflection, SpeaksV1AlphaInTheSameBytes) {
  grpc::reflection::v1alpha::ServerReflectionRequest request;
  request.set_list_services("");
  const auto alpha =
      answer_reflection(ReflectionVersion::kV1Alpha, kServices, request.SerializeAsString());
  const auto stable =
      answer_reflection(ReflectionVersion::kV1, kServices, request.SerializeAsString());
  ASSERT_TRUE(alpha.ok() && stable.ok());
  EXPECT_EQ(*alpha, *stable);
  EXPECT_EQ(reflection_method(ReflectionVersion::kV1Alpha),
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

}  // namespace
}  // namespace signet::proto
