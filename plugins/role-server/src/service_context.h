// ServiceContext: what the server's services share. One per running server; every member
// outlives every call.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "signet/datastore.h"
#include "signet/host.h"

#include "caller.h"
#include "config.h"

namespace signet::server {

class AgentFeeds;
class AgentRecords;
class Authorities;
class ChangeFollower;
class EntryStore;
class Federation;
class ServerIdentity;
class TrustBundles;

// The registration entries as the services see them: kept in memory, by change.
// Safe from any thread; nothing blocks.
class EntryDirectory {
 public:
  virtual ~EntryDirectory() = default;

  /// The entry if the agent may hand it out (its own, or nested below), else nullptr.
  virtual EntryPtr authorized_entry(std::string_view agent_id, std::string_view entry_id) const = 0;

  struct Privileges {
    bool admin = false;   // some entry with this SPIFFE ID has admin = true
    EntryPtr downstream;  // the first one with downstream = true
  };
  virtual Privileges privileges(std::string_view spiffe_id) const = 0;

  /// How many there are.
  virtual std::size_t count() const = 0;

  /// An agent was attested, renewed with other selectors, or loaded at start. Node aliases
  /// match on its selectors ("type:value").
  virtual void agent_changed(std::string_view agent_id,
                             const std::vector<std::string>& selectors) = 0;
  virtual void agent_removed(std::string_view agent_id) = 0;
};

struct ServiceContext {
  Host host;
  const ServerConfig* config = nullptr;
  const Datastore* datastore = nullptr;
  ChangeFollower* changes = nullptr;
  TrustBundles* bundles = nullptr;
  Authorities* authorities = nullptr;
  AgentRecords* agents = nullptr;
  AgentFeeds* feeds = nullptr;
  EntryDirectory* entries = nullptr;
  EntryStore* entry_store = nullptr;
  ServerIdentity* identity = nullptr;
  Federation* federation = nullptr;
  std::int64_t started_at_ns = 0;      // monotonic
  std::function<Status()> leave = {};  // this server leaves the trust domain; blocks
  // Whether agents are served: not while this server joins others, nor after it left them.
  std::function<bool()> serving = {};

  const TrustDomain& trust_domain() const { return config->trust_domain; }
};

class MethodRegistry;

// Each service's methods, registered once at start (one source file or more per service).
void register_agent_service(MethodRegistry& methods, ServiceContext& context);
void register_svid_service(MethodRegistry& methods, ServiceContext& context);
void register_entry_service(MethodRegistry& methods, ServiceContext& context);
void register_bundle_service(MethodRegistry& methods, ServiceContext& context);
void register_local_authority_service(MethodRegistry& methods, ServiceContext& context);
void register_server_admin_service(MethodRegistry& methods, ServiceContext& context);
void register_trust_domain_service(MethodRegistry& methods, ServiceContext& context);
void register_debug_service(MethodRegistry& methods, ServiceContext& context);
void register_logger_service(MethodRegistry& methods, ServiceContext& context);
void register_delivery_service(MethodRegistry& methods, ServiceContext& context);
void register_explain_service(MethodRegistry& methods, ServiceContext& context);
void register_health_service(MethodRegistry& methods, ServiceContext& context);

}  // namespace signet::server
