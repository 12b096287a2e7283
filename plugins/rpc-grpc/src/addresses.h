// What a name stands for: every address behind it, in the order in which a channel tries them.
#pragma once

#include <string>
#include <vector>

#include "signet/status.h"

#include "options.h"

namespace signet::rpc_grpc {

/// Looks up the names of a kDns endpoint, in a random order, so that callers spread over the
/// addresses; where names have addresses of both families, those the system prefers come first.
/// Numeric, IPv4 in IPv6's form. A name that is not known is left out as long as another one is.
/// Blocks, as long as name servers take.
/// Errors   kUnavailable, naming what could not be looked up
Result<std::vector<std::string>> look_up(const Endpoint& endpoint);

// What the last look-up found, for while name servers are away: servers mostly stay where they are.
class KnownAddresses {
 public:
  using LookUp = Result<std::vector<std::string>> (*)(const Endpoint&);
  explicit KnownAddresses(LookUp look_up = &rpc_grpc::look_up) : look_up_(look_up) {}
  /// As look_up(); once something was found, it never fails.
  Result<std::vector<std::string>> get(const Endpoint& endpoint);

 private:
  const LookUp look_up_;
  std::vector<std::string> last_;
};

/// Addresses as gRPC's target.
std::string target_of(const std::vector<std::string>& addresses, uint16_t port);

}  // namespace signet::rpc_grpc
