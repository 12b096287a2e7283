// The configurations that `signet dev` gives its server and its agent, as their files would be.
#pragma once

#include <cstdint>
#include <string>

#include "signet/spiffe_id.h"

#include "state_folder.h"

namespace signet::dev {

/// A server on 127.0.0.1:`port` with SQLite and its keys in the state folder.
std::string server_config(const StateFolder& folder, const TrustDomain& trust_domain,
                          std::uint16_t port);

/// An agent of that server. token: "" when the SVID of an earlier run is still good.
std::string agent_config(const StateFolder& folder, const TrustDomain& trust_domain,
                         std::uint16_t port, const std::string& token);

}  // namespace signet::dev
