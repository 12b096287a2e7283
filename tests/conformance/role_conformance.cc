// The role of the conformance suites: it has plugins of every kind that has a suite, and does
// nothing with them; the suite calls them in its place.
#include "signet/abi/role.h"
#include "signet/plugin.h"

SIGNET_PLUGIN_NOTE("name=role-conformance\0abi=1.0\0services=signet.role/1\0needs=");

namespace {

using signet::Call;
using signet::Status;

constexpr std::string_view kDescription = R"json({
  "block": "conformance", "scope": "conformance", "share": ["trust_domain", "data_dir"],
  "types": {"UpstreamAuthority": {"service": "signet.upstream_authority/1"},
            "DataStore": {"service": "signet.datastore/1"},
            "KeyManager": {"service": "signet.key_manager/1"},
            "NodeAttestorServer": {"service": "signet.node_attestor.server/1"},
            "NodeAttestorAgent": {"service": "signet.node_attestor.agent/1"},
            "BundlePublisher": {"service": "signet.bundle_publisher/1"},
            "BundleSource": {"service": "signet.bundle_source/1"},
            "BundleEndpoint": {"service": "signet.bundle_endpoint/1"},
            "WorkloadAttestor": {"service": "signet.workload_attestor/1"}},
  "drain_seconds": 2,
  "valid_text": "valid", "invalid_text": "invalid:"})json";

constexpr const char* kSchema = R"json({"type": "object", "additionalProperties": false,
  "required": ["conformance"], "properties": {"conformance": {"type": "object",
    "additionalProperties": false, "properties": {
      "trust_domain": {"type": "string"}, "data_dir": {"type": "string"},
      "log_level": {"type": "string"}, "log_file": {"type": "string"},
      "log_format": {"type": "string"}}}}})json";

class ConformanceRole final : public signet::Plugin {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id) {
    static constexpr signet_role kRole = {sizeof(signet_role), 0,
                                          [] { return signet::to_abi(kDescription); }};
    return id == SIGNET_ROLE ? &kRole : nullptr;
  }
  Status configure(Call&, std::string_view) override { return {}; }
};

constexpr signet_service_ref kServices[] = {{SIGNET_ROLE, 0, 0}};
constexpr const char* kNeeds[] = {nullptr};

}  // namespace

SIGNET_PLUGIN_DEFINE(ConformanceRole, "role-conformance", kServices, kNeeds, kSchema, 0);
