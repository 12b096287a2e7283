#include "sds_stream.h"

#include <optional>

#include "crypto/encoding.h"
#include "crypto/random.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "held_call.h"
#include "refusals.h"
#include "workload_answer.h"

namespace signet::agent {
namespace {

constexpr std::size_t kNonceSize = 4;   // bytes
constexpr std::size_t kMaxWords = 512;  // of a client's, in a log line

// As Go's strconv.ParseBool reads it.
std::optional<bool> as_bool(const google::protobuf::Value& value) {
  if (value.has_bool_value()) return value.bool_value();
  if (!value.has_string_value()) return std::nullopt;
  const std::string& text = value.string_value();
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == yes) return true;
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == no) return false;
  return std::nullopt;
}

// Envoy has the SPIFFE validator since 1.18. Who does not tell its version has it.
bool has_spiffe_validator(const ::envoy::config::core::v3::Node& node) {
  if (!node.has_user_agent_build_version() || !node.user_agent_build_version().has_version())
    return true;
  const auto& version = node.user_agent_build_version().version();
  return version.major_number() > 1 || (version.major_number() == 1 && version.minor_number() > 17);
}

}  // namespace

SdsStream::SdsStream(Host host, std::shared_ptr<ServerCall> call, const SdsOptions& options,
                     IdentityTable& table, Hold* hold)
    : host_(std::move(host)),
      call_(std::move(call)),
      options_(options),
      table_(table),
      hold_(hold),
      uid_(call_->peer().uid),
      spiffe_validator_(!options.disable_spiffe_cert_validation) {}

void SdsStream::begin(std::string_view first, bool more) {
  const auto self = shared_from_this();
  call_->on_writable = [self] { self->update(); };
  call_->on_done = [self] {
    std::unique_ptr<Subscription> gone;
    {
      const std::lock_guard lock(self->mutex_);
      self->over_ = true;
      gone = std::move(self->subscription_);
    }
    gone.reset();  // waits for a callback that is running, so not under the lock
  };
  if (more) {
    call_->on_message = [self](std::string_view request) {
      self->take(request);
      self->call_->read();
    };
    call_->on_half_close = [self] { self->call_->finish({}); };
  }
  take(first);
  if (more) call_->read();
}

void SdsStream::take(std::string_view request) {
  {
    const std::lock_guard lock(mutex_);
    if (Status bad = read(request); !bad.ok()) {
      call_->finish(bad);
      return;
    }
  }
  update();
}

void SdsStream::open(const SelectorSet& selectors) {
  auto subscription = table_.subscribe(selectors, [stream = weak_from_this()] {
    if (const auto alive = stream.lock()) alive->update();
  });
  {
    const std::lock_guard lock(mutex_);
    if (!over_) subscription_ = std::move(subscription);
    selectors_ = selectors;
  }
  update();
}

void SdsStream::update() {
  if (look()) hold();
}

bool SdsStream::look() {
  const std::lock_guard lock(mutex_);
  if (!subscription_) return false;
  const WorkloadUpdatePtr now = subscription_->current();
  had_entries_ = had_entries_ || !now->entries.empty();
  if (!asked_ && now->version == seen_version_) return false;
  const SdsSelection chosen = select_sds(options_, *now, wanted_);
  if (hold_ != nullptr && !had_entries_ && !chosen.own_bundle_only) {
    if (wait_ == Wait::kNot) {
      wait_ = Wait::kHeld;
      return true;
    }
    if (wait_ == Wait::kHeld) return false;
    if (!wait_result_.ok()) {
      call_->finish(wait_result_);
      return false;
    }
  }
  if (!now->bundle) {
    call_->finish(no_bundle());
    return false;
  }
  if (must_wait(*now, chosen)) return false;
  if (chosen.first_expiry <= host_.unix_seconds()) {
    // Nothing expired is sent: a new caller may try again, an open stream stays silent.
    if (!answered_) call_->finish(identity_expired());
    return false;
  }
  if (Status failed = answer(*now, chosen); !failed.ok()) {
    host_.log_status(LogLevel::kError, "Error building secrets response", failed);
    call_->finish(failed);
  }
  return false;
}

// The first answer waits for SVIDs that are being made, if it is about them.
bool SdsStream::must_wait(const WorkloadUpdate& now, const SdsSelection& chosen) const {
  return !answered_ && !now.complete && (chosen.orders_identities || !chosen.missing.empty());
}

// Without the lock: the wait may be over before hold_call() returns.
void SdsStream::hold() {
  hold_call(
      *hold_, table_,
      {call_, uid_, selectors_, [](const WorkloadUpdate& now) { return !now.entries.empty(); },
       [self = shared_from_this()](const Status& status) {
         {
           const std::lock_guard lock(self->mutex_);
           self->wait_ = Wait::kOver;
           self->wait_result_ = status;
         }
         self->update();
       }});
}

// INVALID_ARGUMENT is the last word for many clients. It is SPIRE's, and stays so for who has an
// identity; the others have waited for one, and hear the same as on the Workload API.
Status SdsStream::refusal(const SdsSelection& chosen) const {
  Status of_these_names = sds_not_authorized(chosen.missing);
  if (hold_ == nullptr || had_entries_) return of_these_names;
  return no_identity().with("reason", of_these_names.message());
}

void SdsStream::take_node(const ::envoy::config::core::v3::Node& node) {
  bool disabled = options_.disable_spiffe_cert_validation;
  const auto& metadata = node.metadata().fields();
  if (const auto at = metadata.find("disable_spiffe_cert_validation"); at != metadata.end())
    disabled = as_bool(at->second).value_or(disabled);
  spiffe_validator_ = !disabled && has_spiffe_validator(node);
}

Status SdsStream::take_type(std::string_view type_url) {
  SIGNET_RETURN_IF_ERROR(check_sds_text("type_url", type_url));
  type_url_ = type_url;
  return {};
}

void SdsStream::log_refusal(const ::google::rpc::Status& error) const {
  host_.error("Envoy reported errors applying secrets",
              {{"error", std::string_view(error.message()).substr(0, kMaxWords)}});
}

std::string SdsStream::new_nonce() { return crypto::hex_encode(crypto::random_bytes(kNonceSize)); }

// ---- StreamSecrets, FetchSecrets

Status SdsStateStream::read(std::string_view bytes) {
  ::envoy::service::discovery::v3::DiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unreadable();
  if (request.has_error_detail()) log_refusal(request.error_detail());
  if (!nonce_.empty()) {
    // Once there was an answer each request is a reply. One to an older answer crossed the last
    // one on its way; the reply to that will follow.
    if (request.response_nonce() != nonce_) {
      host_.debug("Received unexpected nonce; ignoring request");
      return {};
    }
    // Refused or taken, the same is not sent again: what was refused now would be refused again.
    if (request.version_info() != std::to_string(counter_))
      host_.error("Client rejected expected version and rolled back");
  }
  SIGNET_RETURN_IF_ERROR(take_type(request.type_url()));
  if (request.has_node()) take_node(request.node());  // without: as told before
  SdsWanted wanted;
  SIGNET_RETURN_IF_ERROR(add_sds_names(request.resource_names(), wanted));
  wanted.all = wanted.names.empty();
  if (first_ || wanted.names != wanted_.names) asked_ = true;
  first_ = false;
  wanted_ = std::move(wanted);
  return {};
}

Status SdsStateStream::answer(const WorkloadUpdate& now, const SdsSelection& chosen) {
  // What is missing may still be made, if it is an entry's; what is there must not wait for it.
  if (!chosen.missing.empty() && now.complete) return refusal(chosen);
  SIGNET_TRY(const std::vector<SdsResource> resources,
             sds_resources(host_, now, chosen.secrets, spiffe_validator()));
  if (once_) {
    call_->finish_with(sds_answer(host_, {"", type_url(), ""}, resources));
    seen_version_ = now.version;
    asked_ = false;
    return {};
  }
  std::string content;
  for (const SdsResource& resource : resources)
    content.append(resource.name).append(1, '\0').append(resource.version());
  if (!asked_ && content == sent_) {
    seen_version_ = now.version;
    return {};
  }
  const std::uint64_t counter = counter_ + (now.version == counted_version_ ? 0 : 1);
  const std::string nonce = new_nonce();
  // The reader lags: on_writable brings us back to whatever is current then.
  if (!call_->send(sds_answer(host_, {std::to_string(counter), type_url(), nonce}, resources)).ok())
    return {};
  counter_ = counter;
  counted_version_ = seen_version_ = now.version;
  nonce_ = nonce;
  sent_ = std::move(content);
  asked_ = false;
  answered_ = true;
  return {};
}

}  // namespace signet::agent
