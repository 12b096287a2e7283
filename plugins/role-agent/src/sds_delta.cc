#include "sds_delta.h"

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace signet::agent {
namespace {

constexpr std::string_view kEverything = "*";

}  // namespace

Status SdsDeltaStream::read(std::string_view bytes) {
  ::envoy::service::discovery::v3::DeltaDiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unreadable();
  // A refusal changes nothing: the client keeps what it had, and the same is not sent again.
  // Subscriptions count whatever the nonce is, since no later request repeats them.
  if (request.has_error_detail()) log_refusal(request.error_detail());
  if (!request.response_nonce().empty() && request.response_nonce() != nonce_)
    host_.debug("Received unexpected nonce");
  SIGNET_RETURN_IF_ERROR(take_type(request.type_url()));
  if (request.has_node()) take_node(request.node());
  for (const std::string& name : request.resource_names_unsubscribe()) {
    wanted_.names.erase(name);
    client_.erase(name);
    if (name != kEverything) continue;
    wanted_.all = false;
    std::erase_if(client_, [this](const auto& has) { return !wanted_.names.contains(has.first); });
  }
  SIGNET_RETURN_IF_ERROR(add_sds_names(request.resource_names_subscribe(), wanted_));
  for (const std::string& name : request.resource_names_subscribe()) {
    client_.erase(name);  // who subscribes again wants it again
    if (!name.empty()) asked_ = true;
  }
  if (wanted_.names.erase(std::string(kEverything)) > 0) wanted_.all = true;
  if (!first_) return {};
  first_ = false;
  asked_ = true;
  // xDS: a first request without names is about everything; SPIRE's StreamSecrets has it so too.
  if (wanted_.names.empty()) wanted_.all = true;
  if (request.initial_resource_versions().size() > kMaxSdsNames)
    return Status::invalid_argument("more than " + std::to_string(kMaxSdsNames) +
                                    " initial resource versions");
  for (const auto& [name, version] : request.initial_resource_versions()) {
    SIGNET_RETURN_IF_ERROR(check_sds_text("a resource name", name));
    SIGNET_RETURN_IF_ERROR(check_sds_text("a resource version", version));
    if (!version.empty() && (wanted_.all || wanted_.names.contains(name))) client_[name] = version;
  }
  return {};
}

std::vector<std::string> SdsDeltaStream::removed(const WorkloadUpdate& now,
                                                 const SdsSelection& chosen) const {
  std::vector<std::string> out;
  if (!now.complete) return out;  // it may still be made
  for (const std::string& name : chosen.missing) {
    const auto at = client_.find(name);
    if (at == client_.end() || !at->second.empty()) out.push_back(name);
  }
  // Of everything there is, what is there no longer.
  std::set<std::string_view> known(chosen.missing.begin(), chosen.missing.end());
  for (const SdsSecret& secret : chosen.secrets) known.insert(secret.name);
  for (const auto& [name, version] : client_) {
    if (!version.empty() && !known.contains(name)) out.push_back(name);
  }
  return out;
}

Status SdsDeltaStream::answer(const WorkloadUpdate& now, const SdsSelection& chosen) {
  SIGNET_TRY(std::vector<SdsResource> resources,
             sds_resources(host_, now, chosen.secrets, spiffe_validator()));
  std::erase_if(resources, [this](const SdsResource& resource) {
    const auto at = client_.find(resource.name);
    return at != client_.end() && at->second == resource.version();
  });
  const std::vector<std::string> gone = removed(now, chosen);
  if (resources.empty() && gone.empty()) {
    seen_version_ = now.version;
    asked_ = false;
    answered_ = true;  // it has all of it
    return {};
  }
  const std::string nonce = new_nonce();
  const SdsHeader header{std::to_string(counter_ + 1), type_url(), nonce};
  // The reader lags: on_writable brings us back to whatever is current then.
  if (!call_->send(sds_delta_answer(host_, header, resources, gone)).ok()) return {};
  ++counter_;
  seen_version_ = now.version;
  nonce_ = nonce;
  asked_ = false;
  answered_ = true;
  for (const SdsResource& resource : resources) client_[resource.name] = resource.version();
  for (const std::string& name : gone) {
    if (wanted_.names.contains(name)) {
      client_[name].clear();
    } else {
      client_.erase(name);
    }
  }
  return {};
}

}  // namespace signet::agent
