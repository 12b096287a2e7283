#include "log/log_format.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <time.h>

#include <nlohmann/json.hpp>

#include "signet/duration.h"

namespace signet::kernel {
namespace {

bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._/@^+").find(c) != std::string_view::npos;
  });
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", u);
      out += code;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_value(std::string& out, std::string_view text) {
  if (plain(text)) {
    out += text;
  } else {
    append_quoted(out, text);
  }
}

std::string value_text(const LogField& field) {
  switch (field.type) {
    case SIGNET_FIELD_NUMBER:
      return std::to_string(field.number);
    case SIGNET_FIELD_DURATION_NS:
      return format_go_duration(std::chrono::nanoseconds(field.number));
    case SIGNET_FIELD_TIME_S:
      return rfc3339(field.number);
    default:
      return std::string(field.text);
  }
}

// Sorted, the last of equal keys kept.
void tidy(std::vector<LogField>& fields) {
  std::stable_sort(fields.begin(), fields.end(),
                   [](const LogField& a, const LogField& b) { return a.key < b.key; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i + 1 < fields.size() && fields[i].key == fields[i + 1].key) continue;
    fields[kept++] = fields[i];
  }
  fields.resize(kept);
}

bool reserved_key(std::string_view key) { return key == "time" || key == "level" || key == "msg"; }

}  // namespace

std::string rfc3339(std::int64_t unix_seconds) {
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

std::string_view level_name(std::uint32_t level) {
  constexpr std::string_view kNames[] = {"trace", "debug", "info", "warning", "error", "fatal"};
  return kNames[std::min<std::uint32_t>(level, SIGNET_LOG_FATAL)];
}

std::optional<std::uint32_t> parse_level(std::string_view name) {
  std::string lower;
  for (const char c : name) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (lower == "trace") return SIGNET_LOG_TRACE;
  if (lower == "debug") return SIGNET_LOG_DEBUG;
  if (lower == "info") return SIGNET_LOG_INFO;
  if (lower == "warn" || lower == "warning") return SIGNET_LOG_WARN;
  if (lower == "error") return SIGNET_LOG_ERROR;
  if (lower == "fatal" || lower == "panic") return SIGNET_LOG_FATAL;
  return std::nullopt;
}

std::string format_text(std::int64_t wall_ns, std::uint32_t level, std::string_view message,
                        std::vector<LogField> fields) {
  std::string out = "time=\"" + rfc3339(wall_ns / 1'000'000'000) + "\" level=";
  out += level_name(level);
  out += " msg=";
  append_value(out, message);
  tidy(fields);
  for (const LogField& field : fields) {
    out += ' ';
    if (reserved_key(field.key)) out += "fields.";
    out += field.key;
    out += '=';
    append_value(out, value_text(field));
  }
  return out;
}

std::string format_json(std::int64_t wall_ns, std::uint32_t level, std::string_view message,
                        std::vector<LogField> fields) {
  nlohmann::json record = nlohmann::json::object();
  tidy(fields);
  for (const LogField& field : fields) {
    std::string key =
        reserved_key(field.key) ? "fields." + std::string(field.key) : std::string(field.key);
    if (field.type == SIGNET_FIELD_NUMBER || field.type == SIGNET_FIELD_DURATION_NS) {
      record[std::move(key)] = field.number;
    } else {
      record[std::move(key)] = value_text(field);
    }
  }
  record["time"] = rfc3339(wall_ns / 1'000'000'000);
  record["level"] = level_name(level);
  record["msg"] = message;
  return record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace signet::kernel
