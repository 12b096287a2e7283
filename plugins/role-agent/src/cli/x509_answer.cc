#include "cli/x509_answer.h"

#include "signet/duration.h"

#include "cli/go_text.h"

namespace signet::agent::cli {
namespace {

Result<std::vector<x509::Certificate>> certificates(const std::string& der) {
  return x509::Certificate::parse_concatenated(crypto::as_bytes(der));
}

Result<X509Identity> read_identity(const ::X509SVID& svid) {
  SIGNET_TRY(auto chain, certificates(svid.x509_svid()));
  if (chain.empty()) return Status::invalid_argument("no certificates found");
  auto key = crypto::PrivateKey::from_pkcs8_der(crypto::as_bytes(svid.x509_svid_key()));
  if (!key) return key.status().prefixed("failed to parse private key");
  auto bundle = certificates(svid.bundle());
  if (!bundle) return bundle.status().prefixed("failed to parse trust bundle");
  if (bundle->empty()) return Status::invalid_argument("no certificates in trust bundle");
  return X509Identity{svid.spiffe_id(), svid.hint(), std::move(chain), *std::move(key),
                      *std::move(bundle)};
}

std::string validity(const std::string& what, const x509::Certificate& certificate) {
  return what + " Valid After:\t" +
         signet::cli::go_time_utc(x509::to_unix(certificate.not_before())) + "\n" + what +
         " Valid Until:\t" + signet::cli::go_time_utc(x509::to_unix(certificate.not_after())) +
         "\n";
}

std::string validities(const std::string& what, const std::vector<x509::Certificate>& list,
                       std::size_t first = 0) {
  std::string text;
  for (std::size_t i = first; i < list.size(); ++i)
    text += validity(what + " #" + std::to_string(i - first + 1), list[i]);
  return text;
}

}  // namespace

Result<X509Answer> read_x509_answer(const ::X509SVIDResponse& response) {
  if (response.svids().empty())
    return Status::invalid_argument("workload response contains no svids");
  X509Answer answer;
  for (const auto& [domain, der] : response.federated_bundles()) {
    const std::string name = signet::cli::go_quote(domain);
    auto bundle = certificates(der);
    if (!bundle)
      return bundle.status().prefixed("failed to parse bundle for federated domain " + name);
    if (bundle->empty()) {
      return Status::invalid_argument("no certificates in bundle for federated domain " + name);
    }
    answer.federated.emplace(domain, *std::move(bundle));
  }
  for (int i = 0; i < response.svids_size(); ++i) {
    auto identity = read_identity(response.svids(i));
    if (!identity) {
      return identity.status().prefixed("failed to parse svid entry " + std::to_string(i) +
                                        " for spiffe id " +
                                        signet::cli::go_quote(response.svids(i).spiffe_id()));
    }
    answer.identities.push_back(*std::move(identity));
  }
  return answer;
}

Status verify(const X509Answer& answer) {
  const x509::VerifyOptions now{
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
  for (const X509Identity& identity : answer.identities) {
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(identity.spiffe_id));
    const auto verified =
        x509::verify_svid(identity.chain, id.trust_domain(), x509::RootPool(identity.bundle), now);
    if (!verified) {
      return verified.status().prefixed(signet::cli::go_quote(identity.spiffe_id) +
                                        " SVID failed verification against bundle");
    }
  }
  return {};
}

std::string x509_answer_text(const X509Answer& answer, std::chrono::nanoseconds took) {
  std::string text = "Received " + signet::cli::counted(answer.identities.size(), "svid", "svids") +
                     " after " + format_go_duration(took) + "\n";
  for (const X509Identity& identity : answer.identities) {
    text += "\nSPIFFE ID:\t\t" + identity.spiffe_id + "\n";
    if (!identity.hint.empty()) text += "Hint:\t\t\t" + identity.hint + "\n";
    text += validity("SVID", identity.chain[0]);
    text += validities("Intermediate", identity.chain, 1);
    text += validities("CA", identity.bundle);
    for (const auto& [domain, bundle] : answer.federated)
      text += validities("[" + domain + "] CA", bundle);
  }
  return text + "\n";
}

}  // namespace signet::agent::cli
