// DevConfig: what `signet dev` was asked for, and who the current user is.
#pragma once

#include <string>
#include <string_view>

#include "signet/spiffe_id.h"
#include "signet/status.h"

namespace signet::dev {

extern const char kConfigSchema[];
extern const char kRoleDescription[];

struct DevConfig {
  TrustDomain trust_domain;
  std::string data_dir;     // absolute
  std::string socket_path;  // absolute; "": in data_dir

  explicit DevConfig(TrustDomain domain) : trust_domain(std::move(domain)) {}

  /// Reads JSON that satisfies kConfigSchema. Errors   kInvalidArgument, naming the key
  static Result<DevConfig> from_json(std::string_view json);
};

/// Where the state goes when nobody says: "$XDG_STATE_HOME/signet-dev" where that variable holds
/// an absolute path, else "signet-dev" in the current folder.
std::string default_data_dir(const char* xdg_state_home);

/// The last part of the user's SPIFFE ID: the login name with what a path may not hold replaced
/// by '_', or "uid-1000" where there is no name that could be one.
std::string path_segment_for(std::string_view login_name, unsigned uid);
/// The login name of the effective user, "" when the number has none.
std::string login_name();

}  // namespace signet::dev
