// JwtSource: tokens of our own from the agent, and others' judged here with the current JWT
// bundles.
//
//   JwtSource source(*transport);
//   auto mine = source.fetch_svid({"reports"});          // Authorization: Bearer mine->token
//   auto peer = source.validate(token, "billing");       // peer->spiffe_id
//
// The agent keeps tokens until they are half through their life, so fetch one for each use.
#pragma once

#include "workload_client/bundle_sources.h"
#include "workload_client/jwt_client.h"

namespace signet::workload_client {

class JwtSource {
 public:
  /// Begins to ask for the bundles. The transport must outlive it.
  explicit JwtSource(Transport& transport) : JwtSource(transport, JwtBundleSource::Options()) {}
  JwtSource(Transport& transport, JwtBundleSource::Options options)
      : transport_(transport), bundles_(transport, std::move(options)) {}

  /// Waits for the first bundles, which only validate() needs.
  Status wait(std::chrono::milliseconds timeout) { return bundles_.wait(timeout); }
  JwtBundleSource& bundles() { return bundles_; }

  /// A token of the default identity, or of that one. Waits for the agent.
  /// Errors   as fetch_jwt_svids()
  Result<JwtSvid> fetch_svid(const std::vector<std::string>& audience,
                             const std::string& spiffe_id = "",
                             std::chrono::milliseconds timeout = std::chrono::seconds(30)) const;

  /// Judges a token that somebody showed us. No call is made.
  /// Errors   kInvalidArgument: it is not valid for that audience; kUnavailable: no bundles yet
  Result<jwt::Svid> validate(std::string_view token, std::string_view audience) const;

 private:
  Transport& transport_;
  JwtBundleSource bundles_;
};

}  // namespace signet::workload_client
