#include "upstream_link.h"

namespace signet::spire_upstream {
UpstreamLink::UpstreamLink(const Host& host, const Config& config, const TrustDomain& trust_domain)
    : host_(host),
      identity_(host, trust_domain),
      server_(host, config.server_uri, identity_),
      transport_(host, config.workload_uri),
      source_(transport_,
              {.longest_pause = std::chrono::seconds(5),
               .on_update =
                   [this](const workload_client::X509ContextPtr& context) {
                     identity_.set(context);
                     server_.renew_connection();
                     if (context->svids.empty()) return;
                     host_.info("X509-SVID for the upstream server",
                                {{"spiffe_id", context->default_svid().spiffe_id.to_string()}});
                   },
               .on_error =
                   [this](const Status& status) {
                     host_.log_status(LogLevel::kWarn,
                                      "Workload API gives no identity for the upstream server",
                                      status);
                   }}) {}

Result<UpstreamServer*> UpstreamLink::server(std::chrono::seconds patience) {
  if (const Status status = source_.wait(patience); !status.ok()) {
    return Status::unavailable("no identity for the upstream server: " + status.message());
  }
  // The source wakes us before it tells of the very first one.
  if (!identity_.ready().ok()) identity_.set(source_.current());
  SIGNET_RETURN_IF_ERROR(identity_.ready());
  return &server_;
}

}  // namespace signet::spire_upstream
