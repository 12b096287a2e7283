#include "connection_string.h"

#include <algorithm>
#include <memory>

#include <libpq-fe.h>

namespace signet::datastore_sql {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// What the string does not say. A server that is gone is noticed within seconds, in a
// connection attempt, in an idle connection and in one that waits for an answer.
constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"application_name", "signet-server"},
    {"connect_timeout", "3"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    // Of several hosts the one that takes writes; a single one that does not is refused.
    {"target_session_attrs", "read-write"},
};

// Quoted as libpq reads it.
std::string quoted(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

Result<ConnectionString> ConnectionString::parse(std::string_view text, const Tls& tls) {
  if (text.find('\0') != std::string_view::npos) {  // libpq would not see what follows
    return Status::invalid_argument("connection_string has a NUL in it");
  }
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(std::string(text).c_str(), &message));
  if (message) PQfreemem(message);  // it repeats parts of the string
  if (!options) {
    return Status::invalid_argument(
        "connection_string is neither libpq's keyword=value pairs nor a postgres:// URI");
  }
  ConnectionString out;
  for (const PQconninfoOption* option = options.get(); option->keyword; ++option) {
    if (option->val) out.values_.emplace_back(option->keyword, option->val);
  }
  const std::string mode = out.value("sslmode");
  if (!tls.root_ca_path.empty()) {
    if (!mode.empty() && mode != "verify-ca" && mode != "verify-full") {
      return Status::invalid_argument("root_ca_path is set, and sslmode=" + mode +
                                      " does not look at it; use verify-full");
    }
    out.set_default("sslmode", "verify-full");
    out.set_default("sslrootcert", tls.root_ca_path);
  }
  if (!tls.client_cert_path.empty()) out.set_default("sslcert", tls.client_cert_path);
  if (!tls.client_key_path.empty()) out.set_default("sslkey", tls.client_key_path);
  for (const auto& [key, value] : kDefaults) out.set_default(key, value);
  std::sort(out.values_.begin(), out.values_.end());  // equal settings compare equal

  const auto first_of = [&](std::string_view a, std::string_view b, const char* otherwise) {
    std::string v = out.value(a);
    if (v.empty()) v = out.value(b);
    return v.empty() ? std::string(otherwise) : v;
  };
  out.name_ = first_of("host", "hostaddr", "local") + ":" + first_of("port", "", "5432") + "/" +
              first_of("dbname", "user", "");
  return out;
}

ConnectionString ConnectionString::for_any_session() const {
  ConnectionString out = *this;
  for (auto& [key, value] : out.values_) {
    if (key == "target_session_attrs" && value == "read-write") value = "any";
  }
  return out;
}

std::string ConnectionString::value(std::string_view key) const {
  for (const auto& [name, value] : values_) {
    if (name == key) return value;
  }
  return {};
}

void ConnectionString::set_default(std::string_view key, std::string_view value) {
  const auto has = std::any_of(values_.begin(), values_.end(),
                               [&](const auto& pair) { return pair.first == key; });
  if (!has) values_.emplace_back(key, value);
}

std::string ConnectionString::to_libpq() const {
  std::string out;
  for (const auto& [key, value] : values_) out.append(key).append("=").append(quoted(value)) += ' ';
  return out;
}

std::string ConnectionString::redacted(std::string_view text) const {
  std::string out(text);
  for (const std::string_view key : {"password", "sslpassword"}) {
    const std::string secret = value(key);
    if (secret.empty()) continue;
    for (std::size_t at = 0; (at = out.find(secret, at)) != std::string::npos; at += 3) {
      out.replace(at, secret.size(), "***");
    }
  }
  // libpq's messages end in a line feed and may have several lines.
  while (!out.empty() && out.back() == '\n') out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

}  // namespace signet::datastore_sql
