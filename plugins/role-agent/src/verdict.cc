#include "verdict.h"

#include "spire/api/types/status.pb.h"

namespace signet::agent {

Verdict verdict_of(const Status& status) {
  using Details = ::spire::api::types::PermissionDeniedDetails;
  if (status.code() != Code::kPermissionDenied || status.detail() == nullptr) return Verdict::kNone;
  const ErrorDetail& any = *status.detail();
  Details details;
  if (!any.type_url.ends_with("/spire.api.types.PermissionDeniedDetails") ||
      !details.ParseFromString(any.value)) {
    return Verdict::kNone;
  }
  switch (details.reason()) {
    case Details::AGENT_EXPIRED:
    case Details::AGENT_NOT_ATTESTED:
    case Details::AGENT_NOT_ACTIVE:
    case Details::AGENT_MUST_REATTEST:
      return Verdict::kReattest;
    case Details::AGENT_BANNED:
      return Verdict::kBanned;
    default:
      return Verdict::kNone;
  }
}

}  // namespace signet::agent
