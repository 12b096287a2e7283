#include "running_server.h"

#include "spire_import/spire_import.h"
#include "stored_domain.h"
#include "upstream_ca.h"

namespace signet::server {
namespace {

constexpr std::chrono::seconds kJoinPeriod{1};
constexpr std::chrono::seconds kLeaveDrain{2};

}  // namespace

RunningServer::RunningServer(const Host& host, const ServerConfig& config, Datastore datastore,
                             std::unique_ptr<CaSource> ca)
    : host_(host),
      config_(config),
      datastore_(std::move(datastore)),
      changes_(host_, datastore_, config_.offline_issuance),
      bundles_(host_, datastore_, changes_, config_.trust_domain),
      entries_(host_, config_.trust_domain),
      entry_store_(host_, datastore_, changes_, entries_),
      agents_(host_, datastore_, changes_, entries_),
      feeds_(host_, entries_, changes_),
      housekeeping_(host_, config_, datastore_, entry_store_, agents_),
      group_(host_, config_, datastore_, changes_, bundles_, agents_),
      authorities_(host_, config_, datastore_, bundles_, changes_, std::move(ca)),
      upstream_(host_, authorities_),
      identity_(host_, config_, bundles_, authorities_),
      federation_(host_, config_, datastore_, changes_, bundles_, identity_),
      context_{.host = host_,
               .config = &config_,
               .datastore = &datastore_,
               .changes = &changes_,
               .bundles = &bundles_,
               .authorities = &authorities_,
               .agents = &agents_,
               .feeds = &feeds_,
               .entries = &entries_,
               .entry_store = &entry_store_,
               .identity = &identity_,
               .federation = &federation_,
               .started_at_ns = host.monotonic_ns(),
               .leave = [this] { return leave(); },
               .serving = [this] { return serving_.load(); }},
      api_(context_, methods_) {
  register_agent_service(methods_, context_);
  register_svid_service(methods_, context_);
  register_entry_service(methods_, context_);
  register_bundle_service(methods_, context_);
  register_local_authority_service(methods_, context_);
  register_server_admin_service(methods_, context_);
  register_trust_domain_service(methods_, context_);
  register_debug_service(methods_, context_);
  register_logger_service(methods_, context_);
  register_delivery_service(methods_, context_);
  register_explain_service(methods_, context_);
  register_health_service(methods_, context_);
  changes_.subscribe(&bundles_);
  changes_.subscribe(&federation_.store());
  changes_.subscribe(&entries_);
  changes_.subscribe(&agents_);
  changes_.subscribe(&group_);
  authorities_.wait_for(&group_);
  entries_.watched_by(&feeds_);
  bundles_.on_changed([this](std::string_view trust_domain) {
    if (trust_domain == config_.trust_domain.name()) {
      identity_.bundle_changed();
      federation_.own_changed();
    } else {
      federation_.bundle_changed(trust_domain);
    }
    feeds_.bundle_changed(trust_domain);
  });
  identity_.on_changed([this] {
    api_.identity_changed();
    federation_.own_changed();
  });
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
  SIGNET_RETURN_IF_ERROR(refuse_unfinished_import(datastore_));
  SIGNET_RETURN_IF_ERROR(refuse_other_domain(host_, datastore_, config_.trust_domain));
  SIGNET_RETURN_IF_ERROR(group_.identify());
  SIGNET_RETURN_IF_ERROR(changes_.start());
  feeds_.start();
  SIGNET_RETURN_IF_ERROR(authorities_.start());
  SIGNET_RETURN_IF_ERROR(upstream_.start());
  SIGNET_RETURN_IF_ERROR(identity_.start());
  SIGNET_RETURN_IF_ERROR(federation_.start());
  SIGNET_RETURN_IF_ERROR(housekeeping_.start());
  SIGNET_RETURN_IF_ERROR(api_.start_local());
  SIGNET_RETURN_IF_ERROR(group_.start(authorities_.journal_id()));
  const bool agents = agents_.count_live(host_.unix_seconds()) > 0;
  if (authorities_.joining() && agents && group_.others() > 0) {
    // An agent that meets an authority it does not know ends, or starts from nothing.
    host_.info("Joining the other servers: agents are served when everybody has our authorities");
    host_.set_health("server", true, false);
    join_until_ns_ =
        host_.monotonic_ns() + std::chrono::nanoseconds(config_.activation_wait).count();
    return start_joining();
  }
  if (authorities_.began_anew() && agents) {
    host_.warn(
        "This server's authorities are new, and no other server can tell the agents of them; "
        "those that cannot bootstrap again will not trust it");
  }
  return open_network();
}

Status RunningServer::start_joining() {
  return join_timer_.start_every(host_, kJoinPeriod, [this] { look_whether_joined(); });
}

Status RunningServer::open_network() {
  feeds_.open();
  SIGNET_RETURN_IF_ERROR(api_.start_network());
  serving_ = true;
  host_.set_health("server", true, true);
  if (const Status noted = authorities_.set_joining(false); !noted.ok()) {
    host_.log_status(LogLevel::kWarn, "The next start will join the other servers anew", noted);
  }
  return {};
}

void RunningServer::look_whether_joined() {
  if (serving_ || join_until_ns_ == 0) return;
  const Publication::Lacking lacking = group_.lacking_elsewhere(authorities_.published());
  const bool over = host_.monotonic_ns() >= join_until_ns_;
  if (!lacking.nobody() && !over) return;
  host_.log(over ? LogLevel::kWarn : LogLevel::kInfo,
            over ? "Joined although not everybody has our authorities"
                 : "Joined: everybody has our authorities",
            {{"agents", lacking.agents}, {"servers", lacking.servers}});
  if (const Status opened = open_network(); !opened.ok()) {
    host_.log_status(LogLevel::kError, "Cannot serve agents; trying again", opened);
    return;
  }
  join_until_ns_ = 0;
}

// The network first: a server that signs no more must not be found by an agent.
Status RunningServer::leave() {
  join_timer_.stop();
  const bool served = serving_.exchange(false);
  host_.set_health("server", true, false);
  feeds_.close();
  api_.stop_network(kLeaveDrain);
  if (Status failed = authorities_.leave(); !failed.ok()) {
    // X.509 retires first: while it signs, nothing has changed.
    Status back;
    if (served && authorities_.x509()) {
      back = open_network();
    } else if (join_until_ns_ != 0) {
      back = start_joining();
    }
    if (!back.ok()) host_.log_status(LogLevel::kError, "Cannot serve agents again", back);
    return failed;
  }
  identity_.stop();
  group_.stop();
  return {};
}

void RunningServer::drain(std::chrono::nanoseconds time) {
  join_timer_.stop();
  serving_ = false;
  host_.set_health("server", true, false);
  federation_.begin_stop();
  feeds_.close();
  api_.stop(time);
}

RunningServer::~RunningServer() {
  drain(std::chrono::nanoseconds(0));
  // Timers and the follower first: they call into what is taken apart next.
  housekeeping_.stop();
  federation_.stop();
  upstream_.stop();
  identity_.stop();
  authorities_.stop();
  group_.stop();
  changes_.stop();
  feeds_.stop();
}

}  // namespace signet::server
