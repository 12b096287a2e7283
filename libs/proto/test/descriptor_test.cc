// Our .proto files say on the wire exactly what the peers' do: every message, field, enum value,
// service and method, compared in both directions with the descriptors of the published packages.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "signet/store/v1/store.pb.h"

namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using Facts = std::set<std::string>;

void add_enum(const EnumDescriptorProto& type, const std::string& scope, Facts& facts) {
  const std::string name = scope + type.name();
  facts.insert("enum " + name);
  for (const auto& value : type.value()) {
    facts.insert("value " + name + "." + value.name() + " = " + std::to_string(value.number()));
  }
}

void add_message(const DescriptorProto& type, const std::string& scope, Facts& facts) {
  const std::string name = scope + type.name();
  facts.insert("message " + name + (type.options().map_entry() ? " map_entry" : ""));
  for (const auto& oneof : type.oneof_decl()) facts.insert("oneof " + name + "." + oneof.name());
  for (const auto& field : type.field()) {
    std::ostringstream line;
    line << "field " << name << "." << field.name() << " = " << field.number()
         << " label=" << field.Label_Name(field.label())
         << " type=" << field.Type_Name(field.type()) << " type_name=" << field.type_name()
         << " optional=" << field.proto3_optional()
         << " deprecated=" << field.options().deprecated() << " packed="
         << (field.options().has_packed() ? field.options().packed() ? "1" : "0" : "-");
    if (field.has_oneof_index()) line << " oneof=" << type.oneof_decl(field.oneof_index()).name();
    facts.insert(line.str());
  }
  for (const auto& range : type.reserved_range()) {
    facts.insert("reserved " + name + " " + std::to_string(range.start()) + ".." +
                 std::to_string(range.end()));
  }
  for (const auto& nested : type.nested_type()) add_message(nested, name + ".", facts);
  for (const auto& nested : type.enum_type()) add_enum(nested, name + ".", facts);
}

// Everything in `file` that a peer can notice, one line each.
Facts facts_of(const FileDescriptorProto& file) {
  Facts facts{"package " + file.package(), "syntax " + file.syntax()};
  const std::string scope = file.package().empty() ? "" : file.package() + ".";
  for (const auto& type : file.message_type()) add_message(type, scope, facts);
  for (const auto& type : file.enum_type()) add_enum(type, scope, facts);
  for (const auto& service : file.service()) {
    facts.insert("service " + scope + service.name());
    for (const auto& method : service.method()) {
      facts.insert("method " + scope + service.name() + "." + method.name() + " (" +
                   (method.client_streaming() ? "stream " : "") + method.input_type() + ") (" +
                   (method.server_streaming() ? "stream " : "") + method.output_type() + ")");
    }
  }
  return facts;
}

using Files = std::map<std::string, FileDescriptorProto>;

// Adds the files of a set by name, without the well-known types that protobuf itself brings.
void add_files(const std::string& set_name, Files& files) {
  const auto path =
      std::filesystem::path(SIGNET_SOURCE_DIR) / "tests/fixtures/wire" / (set_name + ".desc");
  std::ifstream in(path, std::ios::binary);
  FileDescriptorSet set;
  EXPECT_TRUE(set.ParseFromIstream(&in)) << path;
  for (const auto& file : set.file()) {
    if (!file.name().starts_with("google/protobuf/")) files.emplace(file.name(), file);
  }
}

Files peer_files() {
  Files files;
  for (const char* name : {"spire-types", "spire-server", "spire-agent", "workload"})
    add_files(name, files);
  return files;
}

// Envoy's interface is vast: of these files we have the part that we speak.
Files files_in_part() {
  Files files;
  add_files("envoy-sds", files);
  return files;
}

std::set<std::string> our_files() {
  std::set<std::string> files;
  std::istringstream list(SIGNET_PROTO_FILES);
  for (std::string name; std::getline(list, name, ',');) files.insert(name);
  return files;
}

FileDescriptorProto compiled(const std::string& name) {
  FileDescriptorProto proto;
  const auto* file = DescriptorPool::generated_pool()->FindFileByName(name);
  EXPECT_NE(file, nullptr) << name << " is not in the library";
  if (file != nullptr) file->CopyTo(&proto);
  return proto;
}

Facts only_in(const Facts& left, const Facts& right) {
  Facts out;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::inserter(out, out.end()));
  return out;
}

TEST(Descriptors, EqualThePeersFileByFile) {
  const auto peers = peer_files();
  ASSERT_EQ(peers.size(), 26u);
  for (const auto& [name, theirs] : peers) {
    SCOPED_TRACE(name);
    const Facts ours = facts_of(compiled(name));
    const Facts expected = facts_of(theirs);
    EXPECT_GT(expected.size(), 3u);
    EXPECT_THAT(only_in(expected, ours), testing::IsEmpty()) << "the peers have it, we do not";
    EXPECT_THAT(only_in(ours, expected), testing::IsEmpty()) << "we have it, the peers do not";
  }
}

TEST(Descriptors, OfEnvoysFilesEachPartThatIsThereIsEqual) {
  std::size_t compared = 0;
  for (const auto& [name, theirs] : files_in_part()) {
    if (!our_files().contains(name)) continue;
    SCOPED_TRACE(name);
    ++compared;
    const Facts ours = facts_of(compiled(name));
    EXPECT_GT(ours.size(), 3u);
    EXPECT_THAT(only_in(ours, facts_of(theirs)), testing::IsEmpty());
  }
  EXPECT_EQ(compared, 9u);
}

TEST(Descriptors, AddNoFileToThePeersPackages) {
  auto peers = peer_files();
  peers.merge(files_in_part());
  for (const auto& name : our_files()) {
    if (name.starts_with("signet/") || name.starts_with("grpc/")) continue;
    EXPECT_TRUE(peers.contains(name)) << name;
  }
}

// The comparison itself: each kind of change shows.
TEST(Descriptors, ComparisonSeesEachKindOfChange) {
  const FileDescriptorProto base = compiled("spire/api/server/entry/v1/entry.proto");
  const Facts facts = facts_of(base);
  const auto differs = [&](auto change) {
    FileDescriptorProto copy = base;
    change(copy);
    return facts_of(copy) != facts;
  };
  EXPECT_FALSE(differs([](auto&) {}));
  EXPECT_TRUE(differs([](auto& f) { f.mutable_message_type(1)->mutable_field(0)->set_number(9); }));
  EXPECT_TRUE(differs([](auto& f) { f.mutable_message_type(1)->mutable_field(0)->set_name("x"); }));
  EXPECT_TRUE(differs([](auto& f) {
    f.mutable_message_type(1)->mutable_field(0)->set_type(
        google::protobuf::FieldDescriptorProto::TYPE_INT64);
  }));
  EXPECT_TRUE(differs([](auto& f) {
    f.mutable_message_type(1)->mutable_field(0)->set_label(
        google::protobuf::FieldDescriptorProto::LABEL_REPEATED);
  }));
  EXPECT_TRUE(differs([](auto& f) {
    f.mutable_message_type(0)->mutable_field(0)->set_type_name(".spire.api.types.Entry");
  }));
  EXPECT_TRUE(differs([](auto& f) { f.mutable_message_type()->RemoveLast(); }));
  EXPECT_TRUE(differs([](auto& f) { f.mutable_service(0)->mutable_method()->RemoveLast(); }));
  EXPECT_TRUE(differs(
      [](auto& f) { f.mutable_service(0)->mutable_method(0)->set_server_streaming(true); }));
  EXPECT_TRUE(differs([](auto& f) {
    f.mutable_service(0)->mutable_method(0)->set_input_type(".google.protobuf.Empty");
  }));
  EXPECT_TRUE(differs([](auto& f) { f.set_package("other"); }));
}

// The standard gRPC protocols have no fixture here: their names and numbers are pinned by hand.
TEST(Descriptors, GrpcHealthHasTheStandardNumbers) {
  const Facts facts = facts_of(compiled("grpc/health/v1/health.proto"));
  const std::string plain = " type_name= optional=0 deprecated=0 packed=-";
  EXPECT_THAT(
      facts,
      testing::UnorderedElementsAre(
          "package grpc.health.v1", "syntax proto3", "message grpc.health.v1.HealthCheckRequest",
          "message grpc.health.v1.HealthCheckResponse",
          "field grpc.health.v1.HealthCheckRequest.service = 1 label=LABEL_OPTIONAL "
          "type=TYPE_STRING" +
              plain,
          "field grpc.health.v1.HealthCheckResponse.status = 1 label=LABEL_OPTIONAL type=TYPE_ENUM "
          "type_name=.grpc.health.v1.HealthCheckResponse.ServingStatus optional=0 deprecated=0 "
          "packed=-",
          "enum grpc.health.v1.HealthCheckResponse.ServingStatus",
          "value grpc.health.v1.HealthCheckResponse.ServingStatus.UNKNOWN = 0",
          "value grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING = 1",
          "value grpc.health.v1.HealthCheckResponse.ServingStatus.NOT_SERVING = 2",
          "value grpc.health.v1.HealthCheckResponse.ServingStatus.SERVICE_UNKNOWN = 3",
          "service grpc.health.v1.Health",
          "method grpc.health.v1.Health.Check (.grpc.health.v1.HealthCheckRequest) "
          "(.grpc.health.v1.HealthCheckResponse)",
          "method grpc.health.v1.Health.Watch (.grpc.health.v1.HealthCheckRequest) "
          "(stream .grpc.health.v1.HealthCheckResponse)"));
}

// Stored data outlives the program: a field that a newer version wrote is written back.
TEST(StoredRecords, KeepFieldsTheyDoNotKnow) {
  // entry { id: "x", and a varint 7 in field 127 }
  const std::string newer("\x0a\x06\x0a\x01\x78\xf8\x07\x07", 8);
  signet::store::v1::Entry entry;
  ASSERT_TRUE(entry.ParseFromString(newer));
  EXPECT_EQ(entry.entry().id(), "x");
  EXPECT_EQ(entry.SerializeAsString(), newer);
}

}  // namespace
