#include "peer_check.h"

namespace signet::workload_client {

Result<SpiffeId> check_peer(const std::vector<x509::Certificate>& chain, const X509Bundles* bundles,
                            const Authorize& authorize) {
  if (bundles == nullptr) return Status::unavailable("there is no bundle yet");
  const x509::Time now =
      std::chrono::time_point_cast<x509::Time::duration>(std::chrono::system_clock::now());
  const auto find = [&](std::string_view trust_domain) {
    const auto it = bundles->find(trust_domain);
    return it == bundles->end() ? nullptr : &it->second;
  };
  SIGNET_TRY(const x509::VerifiedSvid peer, x509::verify_svid(chain, find, {now}));
  try {
    SIGNET_RETURN_IF_ERROR(authorize(peer.spiffe_id));
  } catch (...) {  // OpenSSL and gRPC, which called us, know no exceptions
    return Status::internal("the authorising function threw an exception");
  }
  return peer.spiffe_id;
}

}  // namespace signet::workload_client
