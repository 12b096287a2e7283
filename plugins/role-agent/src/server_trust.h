// ServerTrust: is whoever answers at the server's address really our server?
//
// Its chain must lead to an authority of our trust domain, and its name must be
// spiffe://<trust domain>/spire/server. Nothing else about it counts, its host name least of all.
// Source: X509-SVID 5.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "signet/rpc/acceptor.h"

#include "x509/verify.h"

namespace signet::agent {

class ServerTrust {
 public:
  explicit ServerTrust(Host host, TrustDomain domain)
      : host_(std::move(host)), domain_(std::move(domain)) {}

  void set_authorities(x509::RootPool roots);
  /// For the first contact without a bundle: the name is checked, who says so is not.
  void set_insecure(bool insecure) { insecure_.store(insecure); }

  /// Errors   kUnavailable, saying what is wrong with the server's certificate
  Result<RpcVerdict> verify(const RpcPeer& peer);
  /// True when a server was refused since the last call because nobody we know vouches for it.
  bool took_unknown_authority() { return unknown_authority_.exchange(false); }
  /// What the last certificate said about our clock: that it is ahead of the server's by this at
  /// least (less than zero: behind), since else all about it was right. Zero: nothing is known to
  /// be wrong. From any thread.
  std::chrono::seconds clock_off() const { return std::chrono::seconds(clock_off_.load()); }

 private:
  void judge_clock(const std::vector<x509::Certificate>& chain, const x509::RootPool& roots);

  const Host host_;
  const TrustDomain domain_;
  std::atomic<bool> insecure_{false};
  std::atomic<bool> unknown_authority_{false};
  std::atomic<std::int64_t> clock_off_{0};
  std::mutex mutex_;  // guards roots_
  x509::RootPool roots_;
};

}  // namespace signet::agent
