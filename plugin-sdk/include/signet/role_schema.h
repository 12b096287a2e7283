// Pieces of a role's configuration schema, put together while compiling, so that blocks which
// several roles have are written once.
//
//   constexpr auto kText = schema_text(R"json({ ... "health_checks": )json",
//                                      kHealthChecksSchema, R"json( ... })json");
//   const char* const kConfigSchema = kText.data();
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace signet {

/// The pieces one after the other, NUL-terminated.
template <std::size_t... kSizes>
consteval auto schema_text(const char (&... pieces)[kSizes]) {
  std::array<char, (kSizes + ...) - sizeof...(kSizes) + 1> text{};
  auto end = text.begin();
  ((end = std::copy_n(pieces, kSizes - 1, end)), ...);
  return text;
}

/// The "properties" of the block "telemetry".
inline constexpr char kTelemetryProperties[] = R"json({
  "Prometheus": {
    "type": "object", "additionalProperties": false,
    "properties": {
      "host": {"type": "string", "x-signet-since": "a later release"},
      "port": {"type": "integer", "x-signet-since": "a later release"},
      "tls": {"type": "object", "x-signet-refuse": "the metrics endpoint does not exist yet, so its TLS settings would protect nothing"}
    }
  },
  "DogStatsd": {"type": "array", "items": {"type": "object"}, "x-signet-since": "a later release"},
  "Statsd": {"type": "array", "items": {"type": "object"}, "x-signet-since": "a later release"},
  "M3": {"type": "array", "items": {"type": "object"}, "x-signet-since": "a later release"},
  "InMem": {"type": "object", "x-signet-since": "a later release"},
  "MetricPrefix": {"type": "string", "x-signet-since": "a later release"},
  "EnableTrustDomainLabel": {"type": "boolean", "x-signet-since": "a later release"},
  "EnableHostnameLabel": {"type": "boolean", "x-signet-since": "a later release"},
  "AllowedPrefixes": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"},
  "BlockedPrefixes": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"},
  "AllowedLabels": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"},
  "BlockedLabels": {"type": "array", "items": {"type": "string"}, "x-signet-since": "a later release"}
})json";

/// The value of the block "health_checks".
inline constexpr char kHealthChecksSchema[] = R"json({
  "type": "object", "additionalProperties": false,
  "properties": {
    "listener_enabled": {"type": "boolean", "default": false, "description": "whether live and ready are told over HTTP"},
    "bind_address": {"type": "string", "default": "localhost"},
    "bind_port": {"type": "string", "default": "80"},
    "live_path": {"type": "string", "default": "/live"},
    "ready_path": {"type": "string", "default": "/ready"}
  }
})json";

}  // namespace signet
