// A server's authorities over stores that outlive it: making another one is a restart.
#pragma once

#include <gtest/gtest.h>

#include "authorities.h"
#include "server_fakes.h"

namespace signet::server::testing {

inline constexpr std::int64_t kHour = 3600;

struct AuthoritiesServer {
  explicit AuthoritiesServer(QuietHost& quiet,
                             const std::function<void(ServerConfig&)>& settings = {},
                             std::unique_ptr<CaSource> ca = nullptr)
      : config(with(settings)),
        store(*Datastore::acquire(quiet.host())),
        changes(quiet.host(), store),
        bundles(quiet.host(), store, changes, config.trust_domain),
        authorities(quiet.host(), config, store, bundles, changes, std::move(ca)) {
    changes.subscribe(&bundles);
  }
  Status start() {
    SIGNET_RETURN_IF_ERROR(changes.start());
    return authorities.start();
  }
  static ServerConfig with(const std::function<void(ServerConfig&)>& settings) {
    ServerConfig config(*TrustDomain::parse("example.org"));
    if (settings) settings(config);
    return config;
  }
  ServerConfig config;
  Datastore store;
  ChangeFollower changes;
  TrustBundles bundles;
  Authorities authorities;
};

class AuthoritiesTest : public ::testing::Test {
 protected:
  void boot(const std::function<void(ServerConfig&)>& settings = {},
            std::unique_ptr<CaSource> ca = nullptr) {
    server_.reset();
    server_ = std::make_unique<AuthoritiesServer>(host_, settings, std::move(ca));
    if (publication_ != nullptr) authorities().wait_for(publication_);
    const Status started = server_->start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  void pass(std::int64_t seconds) {
    host_.advance(seconds);
    const Status status = authorities().rotate();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  Authorities& authorities() { return server_->authorities; }
  std::string x509() { return authorities().x509()->authority_id; }
  std::string jwt() { return authorities().jwt()->authority_id; }
  const spire::api::types::Bundle& bundle() { return server_->bundles.own()->message; }

  QuietHost host_;
  const Publication* publication_ = nullptr;
  std::unique_ptr<AuthoritiesServer> server_;
};

}  // namespace signet::server::testing
