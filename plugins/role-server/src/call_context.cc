#include "call_context.h"

#include <iterator>

#include "crypto/random.h"

namespace signet::server {
namespace {

// "/spire.api.server.agent.v1.Agent/GetAgent" -> ("agent.v1.Agent", "GetAgent"), as logs name them.
std::pair<std::string_view, std::string_view> service_and_method(std::string_view path) {
  constexpr std::string_view kPrefix = "/spire.api.server.";
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// Codes as the peer's audit lines spell them, since people's rules match on them.
std::string_view audit_code(Code code) {
  constexpr std::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kNames) ? kNames[index] : kNames[2];
}

}  // namespace

void CallContext::write_audit(const Status& status, const AuditFields& fields) {
  const auto [service, method] = service_and_method(rule_.method);
  std::vector<Field> out;
  out.reserve(fields.size() + 14);
  out.emplace_back("subsystem_name", "api");
  out.emplace_back("type", "audit");
  out.emplace_back("request_id", request_id());
  out.emplace_back("status", status.ok() ? "success" : "error");
  if (!status.ok()) {
    out.emplace_back("status_code", audit_code(status.code()));
    out.emplace_back("status_message", status.message());
  }
  out.emplace_back("service", service);
  out.emplace_back("method", method);
  out.emplace_back("authorized_as", caller_->class_name());
  out.emplace_back("authorized_via", caller_->authorized_via);
  if (caller_->identity) {
    out.emplace_back("caller_id", caller_->identity->spiffe_id.to_string());
  }
  if (caller_->local) {
    out.emplace_back("caller_uid", caller_->uid);
    out.emplace_back("caller_gid", caller_->gid);
    out.emplace_back("caller_path", caller_->path);
  } else {
    out.emplace_back("caller_addr", caller_->address);
  }
  for (const auto& [key, value] : fields) out.emplace_back(key, value);
  host().log(LogLevel::kInfo, "API accessed", out);
}

const std::string& CallContext::request_id() {
  if (request_id_.empty()) request_id_ = crypto::random_uuid();
  return request_id_;
}

void CallContext::audit_item(const Status& status, const AuditFields& fields) {
  if (!auditing()) return;
  items_written_ = true;
  write_audit(status, fields);
}

void CallContext::close(const Status& status) {
  // Supervisors ask how we are all day; as with the peer, that is in no audit.
  const bool health = rule_.method.starts_with("/grpc.health.v1.");
  if (auditing() && !health && (!items_written_ || !status.ok())) write_audit(status, fields_);
  if (status.ok() && !host().enabled(LogLevel::kDebug)) return;
  call_->audit("request_id", request_id());
  if (caller_->identity) call_->audit("caller_id", caller_->identity->spiffe_id.to_string());
  if (!caller_->local) call_->audit("caller_addr", caller_->address);
  call_->audit("authorized_as", caller_->class_name());
  if (!caller_->authorized_via.empty()) call_->audit("authorized_via", caller_->authorized_via);
  for (const auto& [key, value] : status.fields()) call_->audit(key, value);
}

void CallContext::finish(const Status& status) {
  close(status);
  call_->finish(status);
}

}  // namespace signet::server
