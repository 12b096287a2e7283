// The fields of a parsed certificate.
#pragma once

#include "x509/certificate.h"

namespace signet::x509 {

struct Certificate::State {
  Bytes der;
  // Views into `der`.
  ByteView tbs, serial, issuer, subject, spki, signature, subject_key_id, authority_key_id;
  Time not_before, not_after;
  SignatureAlgorithm algorithm;
  Result<crypto::PublicKey> public_key = Status::internal("not parsed");
  SubjectAltNames sans;
  std::optional<BasicConstraints> basic_constraints;
  std::optional<std::uint16_t> key_usage;
  bool key_usage_critical = false;
  bool has_ext_key_usage = false;
  bool server_auth = false, client_auth = false, any_usage = false;
  bool has_name_constraints = false;
  std::vector<std::string> permitted_uri_hosts;
  std::vector<std::string> unhandled_critical;
};

}  // namespace signet::x509
