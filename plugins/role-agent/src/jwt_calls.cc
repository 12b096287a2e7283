#include "jwt_calls.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "jwt/svid.h"
#include "refusals.h"
#include "spiffe/workload/workload.pb.h"
#include "workload_answer.h"

namespace signet::agent {
namespace {

void add_svid(::JWTSVIDResponse& response, const Entry& entry, const JwtSvidData& jwt) {
  ::JWTSVID* svid = response.add_svids();
  svid->set_spiffe_id(entry.spiffe_id.to_string());
  svid->set_svid(jwt.token);
  svid->set_hint(entry.hint);
}

Status add_keys(jwt::KeyStore& keys, const BundlePtr& bundle) {
  if (!bundle || !bundle->parsed) return {};
  return keys.add(*static_cast<const x509::Bundle*>(bundle->parsed.get()));
}

}  // namespace

Status check_requested_id(const std::string& spiffe_id) {
  if (spiffe_id.empty()) return {};
  const Result<SpiffeId> id = SpiffeId::parse(spiffe_id);
  return id ? Status() : id.status().prefixed("invalid requested SPIFFE ID");
}

Status read_jwt_request(const ::JWTSVIDRequest& request, JwtRequest& out) {
  if (request.audience().empty()) return no_audience();
  SIGNET_RETURN_IF_ERROR(check_requested_id(request.spiffe_id()));
  out.audience.assign(request.audience().begin(), request.audience().end());
  out.spiffe_id = request.spiffe_id();
  return {};
}

std::vector<EntryPtr> jwt_entries(const WorkloadUpdate& update, const JwtRequest& request) {
  std::vector<EntryPtr> entries = filter_hints(update.entries);
  if (!request.spiffe_id.empty()) {
    std::erase_if(entries,
                  [&](const EntryPtr& e) { return e->spiffe_id.to_string() != request.spiffe_id; });
  }
  return entries;
}

Blob cached_jwt_answer(const Host& host, const std::vector<EntryPtr>& entries,
                       const std::vector<std::string>& audience, JwtSource& jwt) {
  ::JWTSVIDResponse response;
  for (const EntryPtr& entry : entries) {
    const JwtSvidPtr token = jwt.cached(*entry, audience);
    if (!token) return Blob();
    add_svid(response, *entry, *token);
  }
  return host.blob_of(response);
}

Result<Blob> fetch_jwt_answer(const Host& host, const std::vector<EntryPtr>& entries,
                              const std::vector<std::string>& audience, JwtSource& jwt,
                              std::int64_t deadline_ns) {
  ::JWTSVIDResponse response;
  for (const EntryPtr& entry : entries) {
    const Result<JwtSvidPtr> token = jwt.fetch(*entry, audience, deadline_ns);
    if (!token) {
      host.log_status(LogLevel::kError, "Could not fetch JWT-SVID", token.status());
      return Status::unavailable("could not fetch JWT-SVID: " + token.status().message());
    }
    add_svid(response, *entry, **token);
  }
  return host.blob_of(response);
}

Result<Blob> validate_jwt_answer(const Host& host, const ::ValidateJWTSVIDRequest& request,
                                 const WorkloadUpdate& update,
                                 const std::vector<std::string>& allowed_foreign_claims) {
  jwt::KeyStore keys;
  if (Status bad = add_keys(keys, update.bundle); !bad.ok()) return bad.with_code(Code::kInternal);
  for (const auto& [name, bundle] : update.federated) {
    if (Status bad = add_keys(keys, bundle); !bad.ok()) return bad.with_code(Code::kInternal);
  }
  const x509::Time now{std::chrono::seconds(host.unix_seconds())};
  Result<jwt::Svid> svid = jwt::validate_svid(request.svid(), keys, request.audience(), now);
  if (!svid) {
    host.warn("Failed to validate JWT",
              {{"audience", request.audience()}, {"error", svid.status().message()}});
    return svid.status().with_code(Code::kInvalidArgument);
  }
  const bool foreign = update.bundle && !svid->spiffe_id.member_of(update.bundle->trust_domain);
  const std::string claims =
      foreign ? jwt::filter_claims(svid->claims_json, allowed_foreign_claims) : svid->claims_json;
  ::ValidateJWTSVIDResponse response;
  response.set_spiffe_id(svid->spiffe_id.to_string());
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(claims, response.mutable_claims());
  if (!parsed.ok()) return Status::internal("the token's claims cannot be sent");
  return host.blob_of(response);
}

}  // namespace signet::agent
