#include "messages.h"

#include "crypto/encoding.h"
#include "x509/strict_json.h"

namespace signet::x509pop {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr const char* kRsa = "rsa_signature";
constexpr const char* kEcdsa = "ecdsa_signature";
constexpr std::size_t kMaxCertificates = 100;

Ordered text(const Bytes& bytes) { return crypto::base64_encode(bytes); }

// One of two members, the other null.
std::string one_of_two(bool rsa, const Ordered& value) {
  Ordered out;
  out[kRsa] = rsa ? value : Ordered();
  out[kEcdsa] = rsa ? Ordered() : value;
  return x509::print_json(out, -1);
}

Result<Bytes> bytes_of(const Json& value, const char* name) {
  if (!value.is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  auto bytes = crypto::base64_decode(value.get_ref<const std::string&>());
  if (!bytes) return Status::invalid_argument(std::string(name) + " is not base64");
  return std::move(*bytes);
}

Result<Bytes> member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return Status::invalid_argument(std::string(name) + " is missing");
  return bytes_of(*found, name);
}

// Which of the two it is, and that one's object.
Result<std::pair<bool, Json>> find_one_of_two(std::string_view json) {
  SIGNET_TRY(Json message, x509::parse_strict_json(json, kMaxMessageBytes));
  if (!message.is_object()) return Status::invalid_argument("it is not an object");
  const auto given = [&](const char* name) {
    const auto found = message.find(name);
    return found != message.end() && !found->is_null();
  };
  const bool rsa = given(kRsa);
  if (rsa == given(kEcdsa)) {
    return Status::invalid_argument("it must hold an RSA or an ECDSA signature, and not both");
  }
  Json& object = message[rsa ? kRsa : kEcdsa];
  if (!object.is_object()) return Status::invalid_argument("the signature is not an object");
  return std::pair(rsa, std::move(object));
}

}  // namespace

std::string write(const Payload& payload) {
  Ordered certificates = Ordered::array();
  for (const Bytes& der : payload.certificates) certificates.push_back(text(der));
  Ordered out;
  out["certificates"] = std::move(certificates);
  return x509::print_json(out, -1);
}

std::string write(const Challenge& challenge) {
  Ordered inner;
  inner["nonce"] = text(challenge.nonce);
  return one_of_two(challenge.rsa, inner);
}

std::string write(const Response& response) {
  Ordered inner;
  inner["nonce"] = text(response.nonce);
  if (response.rsa) {
    inner["signature"] = text(response.signature);
  } else {
    inner["r"] = text(response.r);
    inner["s"] = text(response.s);
  }
  return one_of_two(response.rsa, inner);
}

Result<Payload> read_payload(std::string_view json) {
  SIGNET_TRY(const Json message, x509::parse_strict_json(json, kMaxMessageBytes));
  if (!message.is_object()) return Status::invalid_argument("it is not an object");
  const auto certificates = message.find("certificates");
  Payload payload;
  if (certificates != message.end() && certificates->is_array()) {
    if (certificates->size() > kMaxCertificates) {
      return Status::invalid_argument("too many certificates");
    }
    for (const Json& each : *certificates) {
      SIGNET_TRY(Bytes der, bytes_of(each, "a certificate"));
      payload.certificates.push_back(std::move(der));
    }
  }
  if (payload.certificates.empty()) return Status::invalid_argument("no certificate to attest");
  return payload;
}

Result<Challenge> read_challenge(std::string_view json) {
  SIGNET_TRY(const auto found, find_one_of_two(json));
  Challenge challenge;
  challenge.rsa = found.first;
  SIGNET_TRY(challenge.nonce, member(found.second, "nonce"));
  return challenge;
}

Result<Response> read_response(std::string_view json) {
  SIGNET_TRY(const auto found, find_one_of_two(json));
  Response response;
  response.rsa = found.first;
  SIGNET_TRY(response.nonce, member(found.second, "nonce"));
  if (response.rsa) {
    SIGNET_TRY(response.signature, member(found.second, "signature"));
  } else {
    SIGNET_TRY(response.r, member(found.second, "r"));
    SIGNET_TRY(response.s, member(found.second, "s"));
  }
  return response;
}

}  // namespace signet::x509pop
