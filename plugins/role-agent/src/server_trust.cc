#include "server_trust.h"

namespace signet::agent {

void ServerTrust::set_authorities(x509::RootPool roots) {
  const std::lock_guard lock(mutex_);
  roots_ = std::move(roots);
  insecure_.store(false);  // from now on there is something to verify against
}

Result<RpcVerdict> ServerTrust::verify(const RpcPeer& peer) {
  const auto refuse = [](const std::string& why) { return Status::unavailable(why); };
  std::vector<x509::Certificate> chain;
  for (std::size_t i = 0; i < peer.chain_len; ++i) {
    auto certificate = x509::Certificate::parse(crypto::as_bytes(view(peer.chain[i])));
    if (!certificate) return refuse("the server's certificate: " + certificate.status().message());
    chain.push_back(std::move(*certificate));
  }
  if (chain.empty()) return refuse("the server showed no certificate");
  const std::string expected = domain_.id_string() + "/spire/server";
  SpiffeId id = SpiffeId::parse(expected).value();
  if (insecure_.load()) {
    auto claimed = chain.front().spiffe_id();
    if (!claimed) return refuse("the server's certificate: " + claimed.status().message());
    id = std::move(*claimed);
  } else {
    x509::RootPool roots;
    {
      const std::lock_guard lock(mutex_);
      roots = roots_;
    }
    auto verified =
        x509::verify_svid(chain, domain_, roots, {x509::from_unix(host_.unix_seconds())});
    if (!verified) {
      if (x509::is_unknown_authority(verified.status())) unknown_authority_.store(true);
      judge_clock(chain, roots);
      return refuse("the server's certificate: " + verified.status().message());
    }
    clock_off_.store(0);
    id = verified->spiffe_id;
  }
  if (id.to_string() != expected)
    return refuse("the server is \"" + id.to_string() + "\", not \"" + expected + "\"");
  return RpcVerdict{id.to_string(), nullptr};
}

// A server renews its certificate long before its end, so one that is good at another time only
// tells of a clock.
void ServerTrust::judge_clock(const std::vector<x509::Certificate>& chain,
                              const x509::RootPool& roots) {
  const std::int64_t now = host_.unix_seconds();
  const std::int64_t from = x509::to_unix(chain.front().not_before());
  const std::int64_t until = x509::to_unix(chain.front().not_after());
  const std::int64_t off = now > until ? now - until : now < from ? now - from : 0;
  const bool else_good =
      off != 0 &&
      x509::verify_svid(chain, domain_, roots, {x509::from_unix(off > 0 ? until : from)}).ok();
  clock_off_.store(else_good ? off : 0);
}

}  // namespace signet::agent
