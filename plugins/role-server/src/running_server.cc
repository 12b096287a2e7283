#include "running_server.h"

#include "join_tokens.h"
#include "upstream_ca.h"

namespace signet::server {
namespace {

constexpr std::chrono::minutes kTidyPeriod{5};

}  // namespace

RunningServer::RunningServer(const Host& host, const ServerConfig& config, Datastore datastore,
                             std::unique_ptr<CaSource> ca)
    : host_(host),
      config_(config),
      datastore_(std::move(datastore)),
      changes_(host_, datastore_),
      bundles_(host_, datastore_, changes_, config_.trust_domain),
      entries_(host_, config_.trust_domain),
      entry_store_(host_, datastore_, changes_, entries_),
      agents_(host_, datastore_, changes_, entries_),
      authorities_(host_, config_, datastore_, bundles_, changes_, std::move(ca)),
      upstream_(host_, authorities_),
      identity_(host_, config_, authorities_),
      context_{.host = host_,
               .config = &config_,
               .datastore = &datastore_,
               .changes = &changes_,
               .bundles = &bundles_,
               .authorities = &authorities_,
               .agents = &agents_,
               .entries = &entries_,
               .entry_store = &entry_store_,
               .identity = &identity_,
               .started_at_ns = host.monotonic_ns()},
      api_(context_, methods_) {
  register_agent_service(methods_, context_);
  register_svid_service(methods_, context_);
  register_entry_service(methods_, context_);
  register_bundle_service(methods_, context_);
  register_local_authority_service(methods_, context_);
  register_debug_service(methods_, context_);
  register_logger_service(methods_, context_);
  register_health_service(methods_, context_);
  changes_.subscribe(&bundles_);
  changes_.subscribe(&entries_);
  changes_.subscribe(&agents_);
  identity_.on_changed([this] { api_.identity_changed(); });
  agents_.on_revoked([this](const std::string& id) { api_.disconnect(id); });
}

Result<std::unique_ptr<RunningServer>> RunningServer::start(const Host& host,
                                                            const ServerConfig& config) {
  SIGNET_TRY(auto datastore, Datastore::acquire(host));
  SIGNET_TRY(auto ca, UpstreamCa::find(host, config));
  std::unique_ptr<RunningServer> server(
      new RunningServer(host, config, std::move(datastore), std::move(ca)));
  SIGNET_RETURN_IF_ERROR(server->open());
  return server;
}

Status RunningServer::open() {
  for (const std::string& warning : config_.warnings) host_.warn(warning);
  SIGNET_RETURN_IF_ERROR(changes_.start());
  host_.set_health("catalog.datastore", true, true);
  SIGNET_RETURN_IF_ERROR(authorities_.start());
  SIGNET_RETURN_IF_ERROR(upstream_.start());
  SIGNET_RETURN_IF_ERROR(identity_.start());
  SIGNET_RETURN_IF_ERROR(tidy_timer_.start_every(host_, kTidyPeriod, [this] { tidy(); }));
  SIGNET_RETURN_IF_ERROR(api_.start());
  host_.set_health("server", true, true);
  return {};
}

// Expired entries and join tokens are of no use to anybody.
void RunningServer::tidy() {
  const std::int64_t now = host_.unix_seconds();
  const auto entries = entry_store_.prune(now);
  if (!entries) {
    host_.log_status(LogLevel::kError, "Pruning expired entries failed", entries.status());
  }
  const auto tokens = prune_join_tokens(datastore_, now);
  if (!tokens) {
    host_.log_status(LogLevel::kError, "Pruning expired join tokens failed", tokens.status());
  }
}

void RunningServer::drain(std::chrono::nanoseconds time) {
  host_.set_health("server", true, false);
  api_.stop(time);
}

RunningServer::~RunningServer() {
  drain(std::chrono::nanoseconds(0));
  // Timers and the follower first: they call into what is taken apart next.
  tidy_timer_.stop();
  upstream_.stop();
  identity_.stop();
  authorities_.stop();
  changes_.stop();
}

}  // namespace signet::server
