#include "proto/json.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

namespace signet::proto {
namespace {

using nlohmann::json;

// A null inside an object says "absent"; inside an array it holds a place.
void remove_nulls(json& value) {
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      if (it->is_null()) {
        it = value.erase(it);
      } else {
        remove_nulls(*it);
        ++it;
      }
    }
  } else if (value.is_array()) {
    for (json& item : value) remove_nulls(item);
  }
}

// Go's encoder escapes these in every string, and they occur nowhere else in JSON text.
std::string escape_as_go_does(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"<", "\\u003c"},
      {">", "\\u003e"},
      {"&", "\\u0026"},
      {"\xe2\x80\xa8", "\\u2028"},
      {"\xe2\x80\xa9", "\\u2029"},
  };
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find_first_of("<>&\xe2"), text.size());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    std::size_t used = 0;
    for (const auto& [from, to] : kEscapes) {
      if (!text.starts_with(from)) continue;
      out.append(to);
      used = from.size();
      break;
    }
    if (used == 0) {
      out.push_back(text.front());
      used = 1;
    }
    text.remove_prefix(used);
  }
  return out;
}

Result<json> to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    return Status::internal("cannot print " + message.GetTypeName() +
                            " as JSON: " + std::string(status.message()));
  }
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) {
    return Status::internal("cannot print " + message.GetTypeName() + " as JSON: not UTF-8");
  }
  remove_nulls(value);
  return value;
}

Result<std::string> dump(const json& value) {
  try {
    return escape_as_go_does(value.dump());
  } catch (const json::exception&) {  // 316: a string is not UTF-8
    return Status::internal("cannot print JSON: a string is not UTF-8");
  }
}

}  // namespace

Result<std::string> to_cli_json(const google::protobuf::Message& message) {
  SIGNET_TRY(json value, to_json(message));
  return dump(value);
}

Result<std::string> to_cli_json(std::span<const google::protobuf::Message* const> messages) {
  if (messages.empty()) return std::string();
  if (messages.size() == 1) return to_cli_json(*messages.front());
  json list = json::array();
  for (const auto* message : messages) {
    SIGNET_TRY(json value, to_json(*message));
    list.push_back(std::move(value));
  }
  return dump(list);
}

}  // namespace signet::proto
