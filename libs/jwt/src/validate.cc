// Judging a token. Texts that the Workload API passes on are those of SPIRE's agent.
#include <algorithm>

#include "token.h"
#include "x509/strict_json.h"

namespace signet::jwt {

namespace {

Status refuse(std::string text) { return Status::invalid_argument(std::move(text)); }

// A string in quotes as Go's %q prints it.
std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\x";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string go_quoted(std::span<const std::string> list) {
  std::string out = "[";
  for (const std::string& one : list) {
    if (out.size() > 1) out += ' ';
    out += go_quoted(one);
  }
  return out + ']';
}

Result<SpiffeId> subject_of(const Token& token) {
  if (token.subject.empty()) return refuse("token missing subject claim");
  if (!token.expires_at) return refuse("token missing exp claim");
  auto id = SpiffeId::parse(token.subject);
  if (!id) return id.status().prefixed("token has in invalid subject claim");
  return id;
}

Svid svid_of(const Token& token, SpiffeId id) {
  Svid svid{std::move(id),     token.audience, x509::from_unix(*token.expires_at),
            std::nullopt,      token.key_id,   std::string(token.algorithm->name),
            claims_json(token)};
  if (token.issued_at) svid.issued_at = x509::from_unix(*token.issued_at);
  return svid;
}

Status check_signature(const Token& token, const crypto::PublicKey& key) {
  Status invalid = refuse("token signature is invalid");
  if (!token.algorithm->fits(key.type())) return invalid;
  crypto::Bytes signature = token.signature;
  if (!token.algorithm->rsa) {
    auto der = crypto::ecdsa_raw_to_der(key.type(), signature);
    if (!der) return invalid;
    signature = *std::move(der);
  }
  const crypto::Digest digest =
      crypto::digest(token.algorithm->hash, crypto::as_bytes(token.signing_input));
  return key.verify(token.algorithm->hash, digest, signature, token.algorithm->padding).ok()
             ? Status()
             : invalid;
}

Status check_times(const Token& token, Time now) {
  const std::int64_t at = x509::to_unix(now);
  const std::int64_t leeway = kLeeway.count();
  if (token.not_before && at + leeway < *token.not_before) {
    return refuse("token not valid yet (nbf)");
  }
  if (at - leeway > *token.expires_at) return refuse("token has expired");
  // A token from the future means a clock or an issuer that is not to be trusted.
  if (token.issued_at && at + leeway < *token.issued_at) {
    return refuse("token issued in the future (iat)");
  }
  return {};
}

}  // namespace

Result<Svid> parse_unverified(std::string_view text) {
  SIGNET_TRY(const Token token, read_token(text));
  SIGNET_TRY(SpiffeId id, subject_of(token));
  if (token.audience.empty()) return refuse("token missing audience claim");
  return svid_of(token, std::move(id));
}

Result<Svid> validate_svid(std::string_view text, const KeyStore& keys, std::string_view audience,
                           Time now) {
  SIGNET_TRY(const Token token, read_token(text));
  if (token.key_id.empty()) return refuse("token header missing key id");
  SIGNET_TRY(SpiffeId id, subject_of(token));
  // JWT-SVID 5, Trust Domain and Bundle 3: only keys of the subject's own trust domain count.
  const std::string_view domain = id.trust_domain_name();
  if (!keys.has(domain)) return refuse("no keys found for trust domain " + go_quoted(domain));
  const crypto::PublicKey* key = keys.find(domain, token.key_id);
  if (key == nullptr) {
    return refuse("public key " + go_quoted(token.key_id) + " not found in trust domain " +
                  go_quoted(domain));
  }
  SIGNET_RETURN_IF_ERROR(check_signature(token, *key));
  if (std::find(token.audience.begin(), token.audience.end(), audience) == token.audience.end()) {
    const std::string wanted(audience);
    return refuse("expected audience in " + go_quoted(std::span(&wanted, 1)) +
                  " (audience=" + go_quoted(token.audience) + ")");
  }
  SIGNET_RETURN_IF_ERROR(check_times(token, now));
  return svid_of(token, std::move(id));
}

std::string filter_claims(std::string_view text, std::span<const std::string> allowed) {
  auto claims = x509::parse_strict_json(text, kMaxTokenBytes * 2);
  if (!claims || !claims->is_object()) return "{}";
  nlohmann::json kept = nlohmann::json::object();
  for (const auto& [name, value] : claims->items()) {
    if (name == "sub" || name == "aud" || name == "exp" ||
        std::find(allowed.begin(), allowed.end(), name) != allowed.end()) {
      kept[name] = value;
    }
  }
  return x509::print_json(kept, -1);
}

}  // namespace signet::jwt
