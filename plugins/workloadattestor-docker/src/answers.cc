#include "answers.h"

#include <nlohmann/json.hpp>

#include "x509/strict_json.h"

namespace signet::docker {
namespace {

Status bad(const std::string& what) {
  return Status::internal("the container engine's answer is not understood: " + what);
}

Result<nlohmann::json> read_object(std::string_view json) {
  auto read = x509::parse_strict_json(json, kMaxAnswerBytes);
  if (!read) return bad(read.status().message());
  if (!read->is_object()) return bad("it is no object");
  return read;
}

// A member that may be missing or null, as Go's encoder leaves it.
const nlohmann::json* member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::string> text(const nlohmann::json& object, const char* name) {
  const nlohmann::json* const found = member(object, name);
  if (found == nullptr) return std::string();
  if (!found->is_string()) return bad(std::string(name) + " is not a string");
  return found->get<std::string>();
}

Result<std::int32_t> first_pid(const nlohmann::json& answer) {
  const nlohmann::json* const state = member(answer, "State");
  if (state == nullptr) return 0;
  if (!state->is_object()) return bad("State is no object");
  const nlohmann::json* const pid = member(*state, "Pid");
  if (pid == nullptr) return 0;
  if (!pid->is_number_integer() || pid->get<std::int64_t>() < 0 ||
      pid->get<std::int64_t>() > INT32_MAX) {
    return bad("State.Pid is no process ID");
  }
  return pid->get<std::int32_t>();
}

Result<std::vector<std::string>> selectors_of(const nlohmann::json& config) {
  std::vector<std::string> selectors;
  if (const nlohmann::json* const labels = member(config, "Labels")) {
    if (!labels->is_object()) return bad("Labels is no object");
    for (const auto& [key, value] : labels->items()) {
      if (!value.is_string()) return bad("a label is not a string");
      selectors.push_back("label:" + key + ":" + value.get<std::string>());
    }
  }
  if (const nlohmann::json* const env = member(config, "Env")) {
    if (!env->is_array()) return bad("Env is no list");
    for (const auto& value : *env) {
      if (!value.is_string()) return bad("a variable is not a string");
      selectors.push_back("env:" + value.get<std::string>());
    }
  }
  SIGNET_TRY(const std::string image, text(config, "Image"));
  if (!image.empty()) selectors.push_back("image_id:" + image);
  if (selectors.size() > kMaxSelectors) return bad("too many labels and variables");
  return selectors;
}

}  // namespace

Result<Container> read_container(std::string_view json) {
  SIGNET_TRY(const nlohmann::json answer, read_object(json));
  Container out;
  SIGNET_TRY(out.id, text(answer, "Id"));
  SIGNET_TRY(out.image_id, text(answer, "Image"));
  SIGNET_TRY(out.first_pid, first_pid(answer));
  if (const nlohmann::json* const config = member(answer, "Config")) {
    if (!config->is_object()) return bad("Config is no object");
    SIGNET_TRY(out.selectors, selectors_of(*config));
  }
  return out;
}

Result<std::string> read_image_id(std::string_view json) {
  SIGNET_TRY(const nlohmann::json answer, read_object(json));
  return text(answer, "Id");
}

}  // namespace signet::docker
