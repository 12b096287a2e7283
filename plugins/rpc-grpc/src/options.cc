#include "options.h"

#include <charconv>

#include <nlohmann/json.hpp>

namespace signet::rpc_grpc {
namespace {

using Json = nlohmann::json;

Status bad(const std::string& key, std::string_view expected) {
  return Status::invalid_argument("rpc option \"" + key + "\" must be " + std::string(expected));
}

Status read_bool(const std::string& key, const Json& value, bool* out) {
  if (!value.is_boolean()) return bad(key, "true or false");
  *out = value.get<bool>();
  return {};
}

Status read_count(const std::string& key, const Json& value, int* out, bool zero_allowed = false) {
  if (!value.is_number_integer()) return bad(key, "a whole number");
  const auto n = value.get<int64_t>();
  if (n < (zero_allowed ? 0 : 1) || n > INT32_MAX) return bad(key, "a positive number");
  *out = static_cast<int>(n);
  return {};
}

// Modes are strings of octal digits: JSON has no octal numbers.
Status read_mode(const std::string& key, const Json& value, mode_t* out) {
  if (!value.is_string()) return bad(key, "an octal mode such as \"0770\"");
  const auto& text = value.get_ref<const std::string&>();
  unsigned mode = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, mode, 8);
  if (text.empty() || error != std::errc() || at != end || mode > 0777) {
    return bad(key, "an octal mode such as \"0770\"");
  }
  *out = mode;
  return {};
}

Result<Json> parse_object(std::string_view text) {
  if (text.empty()) return Json::object();
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Status::invalid_argument("rpc options are not a JSON object");
  return json;
}

}  // namespace

Result<ServerOptions> parse_server_options(std::string_view text) {
  SIGNET_TRY(const Json json, parse_object(text));
  ServerOptions o;
  for (const auto& [key, value] : json.items()) {
    Status s;
    if (key == "socket_mode") {
      s = read_mode(key, value, &o.socket_mode);
    } else if (key == "folder_mode") {
      s = read_mode(key, value, &o.folder_mode);
    } else if (key == "tls") {
      s = read_bool(key, value, &o.tls);
    } else if (key == "client_certificate") {
      if (value != "none" && value != "asked") s = bad(key, "\"none\" or \"asked\"");
      o.ask_client_certificate = value == "asked";
    } else if (key == "max_message") {
      s = read_count(key, value, &o.max_message);
    } else if (key == "max_connection_age_s") {
      s = read_count(key, value, &o.max_connection_age_s, true);
      if (s.ok() && o.max_connection_age_s > 86400 * 20) s = bad(key, "at most twenty days");
    } else if (key == "max_connections") {
      s = read_count(key, value, &o.max_connections);
    } else if (key == "max_connections_per_ip") {
      s = read_count(key, value, &o.max_connections_per_ip);
    } else if (key == "max_handshakes") {
      s = read_count(key, value, &o.max_handshakes);
    } else if (key == "max_streams") {
      s = read_count(key, value, &o.max_streams);
    } else {
      s = Status::invalid_argument("unknown rpc option \"" + key + "\"");
    }
    SIGNET_RETURN_IF_ERROR(s);
  }
  return o;
}

Result<ClientOptions> parse_client_options(std::string_view text) {
  SIGNET_TRY(const Json json, parse_object(text));
  ClientOptions o;
  for (const auto& [key, value] : json.items()) {
    Status s;
    if (key == "tls") {
      s = read_bool(key, value, &o.tls);
    } else if (key == "max_message") {
      s = read_count(key, value, &o.max_message);
    } else {
      s = Status::invalid_argument("unknown rpc option \"" + key + "\"");
    }
    SIGNET_RETURN_IF_ERROR(s);
  }
  return o;
}

Result<Endpoint> Endpoint::parse(std::string_view uri) {
  const auto fail = [&] {
    return Status::invalid_argument("bad rpc address \"" + std::string(uri) + "\"");
  };
  Endpoint e;
  std::string_view rest;
  if (uri.starts_with("unix:")) {
    rest = uri.substr(5);
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (!rest.starts_with('/') || rest.find('\0') != rest.npos) return fail();
    e.path = rest;
    return e;
  }
  if (uri.starts_with("tcp:")) {
    e.kind = Kind::kTcp;
  } else if (uri.starts_with("dns:")) {
    e.kind = Kind::kDns;
  } else {
    return fail();
  }
  rest = uri.substr(4);
  const auto colon = rest.rfind(':');
  if (colon == rest.npos) return fail();
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  const bool several = e.kind == Kind::kDns && host.find(',') != host.npos;
  if (host.starts_with('[') && !several) {
    if (!host.ends_with(']')) return fail();
    host = host.substr(1, host.size() - 2);
  }
  const auto [at, error] = std::from_chars(port.data(), port.data() + port.size(), e.port);
  if (host.empty() || port.empty() || error != std::errc() || at != port.data() + port.size())
    return fail();
  e.host = host;
  return e;
}

std::string Endpoint::host_port() const {
  const std::string first = host.substr(0, host.find(','));
  const bool bare_v6 = first.find(':') != first.npos && !first.starts_with('[');
  return (bare_v6 ? "[" + first + "]" : first) + ":" + std::to_string(port);
}

}  // namespace signet::rpc_grpc
