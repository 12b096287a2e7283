// HealthListener: /live and /ready of a role over HTTP, as the peer has them.
//
// Live: the role answers at its own socket (self_check.h). Ready: every part of the scope says that
// it is, asked anew for each request.
#pragma once

#include <memory>

#include "signet/plugin.h"

#include "config.h"
#include "https_server/server.h"
#include "self_check.h"

namespace signet::health_http {

class HealthListener final : public Plugin {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view json) override;
  Status configure(Call& call, std::string_view json) override;
  Status start(Call& call) override;
  Status stop(Call& call) override;

 private:
  https_server::Answer answer(const https_server::Request& request) const;

  Config config_;
  std::string json_;  // what config_ was read from
  std::unique_ptr<SelfCheck> self_check_;
  std::unique_ptr<https_server::Server> server_;
};

}  // namespace signet::health_http
