#include "agent_data.h"

#include <cstring>
#include <ctime>

#include <nlohmann/json.hpp>

#include "cli/go_text.h"
#include "crypto/encoding.h"
#include "keymanager/private_file.h"
#include "x509/pem.h"

namespace signet::agent {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = 8 * 1024 * 1024;
constexpr char kNoTime[] = "0001-01-01T00:00:00Z";

Result<std::vector<x509::Certificate>> read_chain(const json& data, const char* key) {
  std::vector<x509::Certificate> chain;
  const auto at = data.find(key);
  if (at == data.end() || at->is_null()) return chain;
  if (!at->is_array()) return Status::invalid_argument(std::string(key) + " is not a list");
  for (const json& item : *at) {
    const auto pem = item.is_string() ? crypto::base64_decode(item.get_ref<const std::string&>())
                                      : std::optional<crypto::Bytes>();
    if (!pem) return Status::invalid_argument(std::string(key) + " is not base64");
    SIGNET_TRY(auto certificates, x509::read_pem_certificates(crypto::as_text(*pem)));
    chain.insert(chain.end(), certificates.begin(), certificates.end());
  }
  return chain;
}

json write_chain(const std::vector<x509::Certificate>& chain) {
  if (chain.empty()) return nullptr;
  json list = json::array();
  for (const x509::Certificate& certificate : chain) {
    list.push_back(crypto::base64_encode(crypto::as_bytes(x509::write_pem(certificate))));
  }
  return list;
}

// As Go writes a time: fractions of a second, and any zone. Source: RFC 3339 5.6.
Result<std::int64_t> read_time(const std::string& text) {
  if (text == kNoTime) return 0;
  std::tm time{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest != nullptr && *rest == '.') rest += 1 + std::strspn(rest + 1, "0123456789");
  if (rest != nullptr) rest = strptime(rest, "%z", &time);
  if (rest == nullptr || *rest != '\0')
    return Status::invalid_argument("\"" + text + "\" is not a time");
  const std::int64_t ahead = time.tm_gmtoff;
  return timegm(&time) - ahead;
}

}  // namespace

Result<AgentData> AgentData::from_json(std::string_view text) {
  const json data = json::parse(text, nullptr, false);
  if (!data.is_object()) return Status::invalid_argument("not a JSON object");
  try {
    AgentData out;
    SIGNET_TRY(out.svid, read_chain(data, "svid"));
    SIGNET_TRY(out.bundle, read_chain(data, "bundle"));
    out.reattestable = data.value("reattestable", false);
    out.bootstrap_use = data.value("bootstrap_use", 0);
    SIGNET_TRY(out.bootstrap_started,
               read_time(data.value("bootstrap_start_time", std::string(kNoTime))));
    out.connection_attempts = data.value("connection_attempts", 0);
    return out;
  } catch (const json::exception& e) {
    return Status::invalid_argument(e.what());
  }
}

std::string AgentData::to_json() const {
  nlohmann::ordered_json data;
  data["svid"] = write_chain(svid);
  data["bundle"] = write_chain(bundle);
  data["reattestable"] = reattestable;
  data["bootstrap_use"] = bootstrap_use;
  data["bootstrap_start_time"] =
      bootstrap_started == 0 ? std::string(kNoTime) : signet::cli::rfc3339_utc(bootstrap_started);
  data["connection_attempts"] = connection_attempts;
  return data.dump();
}

AgentDataFile::AgentDataFile(const std::string& data_dir) : path_(data_dir + "/agent-data.json") {}

Result<AgentData> AgentDataFile::load() const {
  const auto refuse = [&](std::string_view why) {
    return Status::failed_precondition("the agent's data in " + path_ +
                                       " cannot be used: " + std::string(why));
  };
  const Result<crypto::SecretBytes> text = keymanager::read_private_file(path_, kMaxBytes);
  if (!text) {
    if (text.status().code() == Code::kNotFound) return AgentData();
    return refuse(text.status().message());
  }
  Result<AgentData> data = AgentData::from_json(text->text());
  if (!data) return refuse(data.status().message());
  return data;
}

Status AgentDataFile::store(const AgentData& data) const {
  return keymanager::replace_private_file(path_, crypto::as_bytes(data.to_json()));
}

Status AgentState::load() {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(data_, file_.load());
  return {};
}

AgentData AgentState::data() const {
  const std::lock_guard lock(mutex_);
  return data_;
}

void AgentState::keep(const std::function<void(AgentData&)>& change) {
  const std::lock_guard lock(mutex_);
  change(data_);
  if (const Status stored = file_.store(data_); !stored.ok())
    host_.log_status(LogLevel::kError, "Failed to store the agent's data", stored);
}

void AgentState::forget_svid() {
  keep([](AgentData& data) {
    data.svid.clear();
    data.reattestable = false;
  });
}

}  // namespace signet::agent
