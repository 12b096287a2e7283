// A certificate path as the Debug services of the roles describe it.
#pragma once

#include <string>
#include <vector>

#include "x509/certificate.h"
#include "x509/name.h"

namespace signet::x509 {

/// One item of `svid_chain` for each certificate; no ID for one that has none.
/// Response   a GetInfoResponse of spire.agent.debug.v1 or spire.api.server.debug.v1
template <typename Response>
void describe_chain(const std::vector<Certificate>& path, Response& response) {
  for (const Certificate& certificate : path) {
    auto* out = response.add_svid_chain();
    if (const auto id = certificate.spiffe_id()) {
      out->mutable_id()->set_trust_domain(std::string(id->trust_domain_name()));
      out->mutable_id()->set_path(std::string(id->path()));
    }
    out->set_expires_at(to_unix(certificate.not_after()));
    out->set_subject(name_to_text(certificate.subject_raw()));
  }
}

}  // namespace signet::x509
