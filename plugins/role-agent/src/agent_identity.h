// AgentIdentity: the agent's own X509-SVID and the key that goes with it.
//
// The key lives in the key manager, in one of two slots: a new one is made beside the current one,
// which stays usable until the new SVID is there.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "signet/key_manager.h"
#include "signet/rpc/acceptor.h"

#include "x509/certificate.h"

namespace signet::agent {

struct AgentSvid {
  std::vector<x509::Certificate> chain;
  std::string key_id;
  bool reattestable = false;

  std::int64_t not_before() const { return x509::to_unix(chain.front().not_before()); }
  std::int64_t not_after() const { return x509::to_unix(chain.front().not_after()); }
};
using AgentSvidPtr = std::shared_ptr<const AgentSvid>;

// A new key and the request for a certificate for it.
struct AgentCsr {
  std::string key_id;
  std::string spki;
  std::string csr;  // DER
};

class AgentIdentity {
 public:
  explicit AgentIdentity(Host host) : host_(std::move(host)) {}
  /// Finds the scope's key manager.
  Status open();

  AgentSvidPtr current() const;  // null while there is none
  void set(AgentSvidPtr svid);
  /// What the transport shows and signs with. Errors   kNotFound: no SVID yet
  Result<RpcIdentity> for_transport() const;

  /// The key in the key manager that the certificate is for; nothing when it is not there.
  Result<std::optional<std::string>> find_key(const x509::Certificate& leaf) const;
  /// Makes a key (EC P-256) in the slot that is not in use.
  Result<AgentCsr> new_key() const;
  const std::string& key_manager_name() const { return name_; }

 private:
  const Host host_;
  std::string name_;
  std::optional<KeyManagerClient> keys_;
  mutable std::mutex mutex_;  // guards current_
  AgentSvidPtr current_;
};

}  // namespace signet::agent
