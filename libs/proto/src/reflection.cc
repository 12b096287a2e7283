#include "proto/reflection.h"

#include <algorithm>
#include <set>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace signet::proto {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// `file`, then everything it imports, each once: a client can build it without asking again.
void add_with_imports(const FileDescriptor& file, std::set<const FileDescriptor*>& seen,
                      google::protobuf::RepeatedPtrField<std::string>& out) {
  if (!seen.insert(&file).second) return;
  google::protobuf::FileDescriptorProto descriptor;
  file.CopyTo(&descriptor);
  descriptor.SerializeToString(out.Add());
  for (int i = 0; i < file.dependency_count(); ++i) {
    add_with_imports(*file.dependency(i), seen, out);
  }
}

template <typename Response>
void set_not_found(Response& response, std::string message) {
  auto& error = *response.mutable_error_response();
  error.set_error_code(static_cast<int>(Code::kNotFound));
  error.set_error_message(std::move(message));
}

template <typename Response>
void set_file(Response& response, const FileDescriptor* file, std::string_view asked) {
  if (file == nullptr) return set_not_found(response, "not found: " + std::string(asked));
  std::set<const FileDescriptor*> seen;
  add_with_imports(*file, seen,
                   *response.mutable_file_descriptor_response()->mutable_file_descriptor_proto());
}

template <typename Response>
void set_extension_numbers(Response& response, const std::string& type) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const auto* message = pool.FindMessageTypeByName(type);
  if (message == nullptr) return set_not_found(response, "not found: " + type);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(message, &extensions);
  auto& answer = *response.mutable_all_extension_numbers_response();
  answer.set_base_type_name(type);
  for (const auto* extension : extensions) answer.add_extension_number(extension->number());
  std::sort(answer.mutable_extension_number()->begin(), answer.mutable_extension_number()->end());
}

template <typename Request, typename Response>
Result<std::string> answer(std::span<const std::string> services, std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Status::invalid_argument("malformed reflection request");
  }
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  Response response;
  response.set_valid_host(request.host());
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      set_file(response, pool.FindFileByName(request.file_by_filename()),
               request.file_by_filename());
      break;
    case Request::kFileContainingSymbol:
      set_file(response, pool.FindFileContainingSymbol(request.file_containing_symbol()),
               request.file_containing_symbol());
      break;
    case Request::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const auto* message = pool.FindMessageTypeByName(asked.containing_type());
      const auto* extension =
          message ? pool.FindExtensionByNumber(message, asked.extension_number()) : nullptr;
      set_file(response, extension ? extension->file() : nullptr,
               "extension " + std::to_string(asked.extension_number()) + " of " +
                   asked.containing_type());
      break;
    }
    case Request::kAllExtensionNumbersOfType:
      set_extension_numbers(response, request.all_extension_numbers_of_type());
      break;
    case Request::kListServices: {
      auto& list = *response.mutable_list_services_response();
      for (const auto& name : std::set<std::string>(services.begin(), services.end())) {
        list.add_service()->set_name(name);
      }
      break;
    }
    case Request::MESSAGE_REQUEST_NOT_SET:
      return Status::invalid_argument("reflection request asks nothing");
  }
  *response.mutable_original_request() = std::move(request);
  return response.SerializeAsString();
}

}  // namespace

std::string_view reflection_method(ReflectionVersion version) {
  return version == ReflectionVersion::kV1
             ? "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
             : "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
}

Result<std::string> answer_reflection(ReflectionVersion version,
                                      std::span<const std::string> services,
                                      std::string_view request) {
  // protobuf counts in int; no transport lets a message of this size through.
  if (request.size() > static_cast<std::size_t>(INT32_MAX)) {
    return Status::invalid_argument("malformed reflection request");
  }
  namespace reflection = grpc::reflection;
  return version == ReflectionVersion::kV1
             ? answer<reflection::v1::ServerReflectionRequest,
                      reflection::v1::ServerReflectionResponse>(services, request)
             : answer<reflection::v1alpha::ServerReflectionRequest,
                      reflection::v1alpha::ServerReflectionResponse>(services, request);
}

}  // namespace signet::proto
