#include "spire_upstream.h"

#include <algorithm>
#include <cstdlib>

#include "settings/settings.h"

namespace signet::spire_upstream {
namespace {

constexpr std::chrono::seconds kAskEvery{5};
constexpr std::chrono::seconds kIdentityWait{30};  // at the server's start

Result<Config> parse(std::string_view json) {
  const char* endpoint = std::getenv("SPIFFE_ENDPOINT_SOCKET");
  return Config::parse(json, endpoint == nullptr ? "" : endpoint);
}

}  // namespace

const void* SpireUpstream::service(std::string_view id) {
  return id == SIGNET_UPSTREAM_AUTHORITY ? upstream_authority_table<SpireUpstream>() : nullptr;
}

Status SpireUpstream::validate(Call&, std::string_view config) { return parse(config).status(); }

Status SpireUpstream::configure(Call&, std::string_view json) {
  SIGNET_TRY(const Config config, parse(json));
  SIGNET_TRY(const TrustDomain trust_domain, settings::shared_trust_domain(host()));
  std::shared_ptr<UpstreamLink> old;  // ends without the lock
  const std::lock_guard lock(mutex_);
  if (started_ && config != config_) {
    old = std::exchange(link_, std::make_shared<UpstreamLink>(host(), config, trust_domain));
  }
  config_ = config;
  return {};
}

Status SpireUpstream::start(Call&) {
  SIGNET_TRY(const TrustDomain trust_domain, settings::shared_trust_domain(host()));
  {
    const std::lock_guard lock(mutex_);
    if (!config_) return Status::failed_precondition("not configured");
    started_ = true;
    link_ = std::make_shared<UpstreamLink>(host(), *config_, trust_domain);
  }
  feed().open();
  return timer_.start_every(host(), kAskEvery, [this] {
    if (!feed().followed()) return;
    if (const Status status = ask(std::chrono::seconds(0)); !status.ok()) {
      host().log_status(LogLevel::kWarn, "Upstream server's bundle cannot be fetched", status);
    }
  });
}

Status SpireUpstream::drain(Call&) {
  timer_.stop();
  feed().close();
  return {};
}

Status SpireUpstream::stop(Call&) {
  timer_.stop();
  feed().close();
  std::shared_ptr<UpstreamLink> gone;
  const std::lock_guard lock(mutex_);
  started_ = false;
  gone = std::exchange(link_, nullptr);
  return {};
}

Result<std::shared_ptr<UpstreamLink>> SpireUpstream::link() {
  const std::lock_guard lock(mutex_);
  if (!link_) return Status::failed_precondition("not started");
  return link_;
}

Result<UpstreamRoots> SpireUpstream::follow(UpstreamServer& server) {
  SIGNET_TRY(const auto bundle, server.bundle());
  if (bundle.x509_authorities().empty()) {
    return Status::unavailable("the upstream server's bundle is empty");
  }
  UpstreamRoots roots;
  for (const auto& root : bundle.x509_authorities()) roots.push_back({root.asn1(), root.tainted()});
  feed().set_roots(roots);
  feed().set_jwt_keys(keys_from_api(bundle.jwt_authorities()));
  feed().set_wit_keys(keys_from_api(bundle.wit_authorities()));
  return roots;
}

Result<MintedX509Ca> SpireUpstream::mint_x509(std::string_view csr, std::int64_t ttl_s) {
  SIGNET_TRY(const auto link, this->link());
  SIGNET_TRY(UpstreamServer* const server, link->server(kIdentityWait));
  SIGNET_TRY(const auto answer, server->new_downstream_ca(csr, ttl_s));
  if (answer.ca_cert_chain().empty() || answer.x509_authorities().empty()) {
    return Status::internal("the upstream server's answer has no CA certificate or no roots");
  }
  MintedX509Ca minted;
  minted.chain.assign(answer.ca_cert_chain().begin(), answer.ca_cert_chain().end());
  // Which of its roots are tainted, only the bundle says. A root that is newer than that bundle
  // comes behind.
  SIGNET_TRY(minted.roots, follow(*server));
  for (const std::string& root : answer.x509_authorities()) {
    const bool known = std::any_of(minted.roots.begin(), minted.roots.end(),
                                   [&](const UpstreamRoot& r) { return r.certificate == root; });
    if (!known) minted.roots.push_back({root, false});
  }
  return minted;
}

Result<UpstreamKeys> SpireUpstream::publish_jwt_key(const UpstreamKey& key) {
  SIGNET_TRY(const auto link, this->link());
  SIGNET_TRY(UpstreamServer* const server, link->server(kIdentityWait));
  return server->publish_jwt_key(key);
}

Result<UpstreamKeys> SpireUpstream::publish_wit_key(const UpstreamKey& key) {
  SIGNET_TRY(const auto link, this->link());
  SIGNET_TRY(UpstreamServer* const server, link->server(kIdentityWait));
  return server->publish_wit_key(key);
}

Status SpireUpstream::refresh() { return ask(kIdentityWait); }

Status SpireUpstream::ask(std::chrono::seconds patience) {
  SIGNET_TRY(const auto link, this->link());
  SIGNET_TRY(UpstreamServer* const server, link->server(patience));
  return follow(*server).status();
}

}  // namespace signet::spire_upstream
