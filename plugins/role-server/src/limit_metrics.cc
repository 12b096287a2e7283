#include "limit_metrics.h"

#include "cli/go_text.h"

namespace signet::server {
namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

// The peer's way with capitals: "NewJWTSVID" is "new_jwtsvid".
std::string metric_key(std::string_view method) {
  for (const std::string_view prefix : {"/spire.api.server.", "/"}) {
    if (!method.starts_with(prefix)) continue;
    method.remove_prefix(prefix.size());
    break;
  }
  std::string key;
  for (std::size_t i = 0; i < method.size(); ++i) {
    const char c = method[i];
    const char before = i == 0 ? '.' : method[i - 1];
    const char after = i + 1 == method.size() ? '.' : method[i + 1];
    if (is_upper(c) && (is_lower(before) || (is_upper(before) && is_lower(after)))) key += '_';
    key += c == '/' ? '.' : is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return key;
}

void count_limited(const Host& host, std::string_view method, Code status, std::int64_t waited_ns) {
  const std::string name = "rateLimit." + metric_key(method);
  const std::string ended = cli::go_code_name(static_cast<std::int32_t>(status));
  host.count(name, {{"status", ended}});
  host.sample(name + ".elapsed_time", static_cast<double>(waited_ns) / 1e9, {{"status", ended}});
}

}  // namespace signet::server
