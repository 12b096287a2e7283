#include "token.h"

#include <cmath>

#include "crypto/encoding.h"
#include "x509/strict_json.h"

namespace signet::jwt {

namespace {

using nlohmann::json;

Status refuse(const std::string& text) {
  return Status::invalid_argument("unable to parse JWT token: " + text);
}

Result<json> read_part(std::string_view part, const char* what) {
  const auto bytes = crypto::base64url_decode(part);
  if (!bytes || bytes->empty()) return refuse(std::string(what) + " is not base64url");
  auto value = x509::parse_strict_json(crypto::as_text(*bytes), kMaxTokenBytes);
  if (!value) return refuse(std::string(what) + ": " + value.status().message());
  if (!value->is_object()) return refuse(std::string(what) + " is not an object");
  return value;
}

// A string member; "" when absent or null.
Result<std::string> text_of(const json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::string();
  if (!member->is_string()) return refuse(std::string("\"") + name + "\" is not a string");
  return member->get<std::string>();
}

// A NumericDate (RFC 7519 2), whole seconds of it.
Status read_time(const json& claims, const char* name, std::optional<std::int64_t>& out) {
  const auto member = claims.find(name);
  if (member == claims.end() || member->is_null()) return {};
  if (!member->is_number()) return refuse(std::string("\"") + name + "\" is not a number");
  const double value = member->get<double>();
  constexpr double kFar = 1e15;  // keeps sums with the leeway inside 64 bits
  if (!std::isfinite(value) || value < -kFar || value > kFar) {
    return refuse(std::string("\"") + name + "\" is out of range");
  }
  out =
      member->is_number_integer() ? member->get<std::int64_t>() : static_cast<std::int64_t>(value);
  return {};
}

Status read_audience(const json& claims, std::vector<std::string>& out) {
  const auto member = claims.find("aud");
  if (member == claims.end() || member->is_null()) return {};
  if (member->is_string()) {
    out = {member->get<std::string>()};
    return {};
  }
  if (!member->is_array()) return refuse("\"aud\" is neither a string nor a list");
  for (const json& one : *member) {
    if (!one.is_string()) return refuse("\"aud\" holds something else than strings");
    out.push_back(one.get<std::string>());
  }
  return {};
}

Status read_header(const json& header, Token& token) {
  SIGNET_TRY(const std::string alg, text_of(header, "alg"));
  token.algorithm = find_algorithm(alg);
  if (token.algorithm == nullptr) return refuse("algorithm \"" + alg + "\" is not allowed");
  // RFC 7515 4.1.11: a header that lists extensions as critical is refused by who knows none.
  if (header.contains("crit")) return refuse("header \"crit\" is not supported");
  SIGNET_TRY(const std::string typ, text_of(header, "typ"));
  // JWT-SVID 2.3: JWT or JOSE when it is there. It keeps other kinds of token out.
  if (header.contains("typ") && typ != "JWT" && typ != "JOSE") {
    return refuse("header \"typ\" is neither JWT nor JOSE");
  }
  SIGNET_TRY(token.key_id, text_of(header, "kid"));
  return {};
}

Status read_claims(Token& token) {
  SIGNET_TRY(token.subject, text_of(token.claims, "sub"));
  for (const char* name : {"iss", "jti"}) {
    SIGNET_TRY([[maybe_unused]] const std::string text, text_of(token.claims, name));
  }
  SIGNET_RETURN_IF_ERROR(read_audience(token.claims, token.audience));
  SIGNET_RETURN_IF_ERROR(read_time(token.claims, "exp", token.expires_at));
  SIGNET_RETURN_IF_ERROR(read_time(token.claims, "nbf", token.not_before));
  return read_time(token.claims, "iat", token.issued_at);
}

}  // namespace

Result<Token> read_token(std::string_view text) {
  if (text.size() > kMaxTokenBytes) return refuse("token is larger than 16 KiB");
  // JWT-SVID 2: the compact serialization only.
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return refuse("compact JWS format must have three parts");
  }
  Token token;
  token.signing_input = text.substr(0, second);
  SIGNET_TRY(const json header, read_part(text.substr(0, first), "header"));
  SIGNET_RETURN_IF_ERROR(read_header(header, token));
  SIGNET_TRY(token.claims, read_part(text.substr(first + 1, second - first - 1), "claims"));
  auto signature = crypto::base64url_decode(text.substr(second + 1));
  if (!signature || signature->empty()) return refuse("signature is not base64url");
  token.signature = *std::move(signature);
  SIGNET_RETURN_IF_ERROR(read_claims(token));
  return token;
}

std::string claims_json(const Token& token) {
  json claims = token.claims;
  if (claims.contains("aud")) claims["aud"] = token.audience;
  return x509::print_json(claims, -1);
}

}  // namespace signet::jwt
