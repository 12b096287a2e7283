// What an Envoy can ask for over SDS, by name, and what a caller gets under these names.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/repeated_field.h>

#include "identity_table.h"

namespace signet::agent {

// Settings: block `sds` of the agent.
struct SdsOptions {
  std::string default_svid_name = "default";     // the first identity
  std::string default_bundle_name = "ROOTCA";    // our own trust domain's bundle
  std::string default_all_bundles_name = "ALL";  // every bundle in one; empty: there is none
  bool disable_spiffe_cert_validation = false;   // plain CAs instead of Envoy's SPIFFE validator
};

// Limits of what a client chooses.
inline constexpr std::size_t kMaxSdsNames = 1024;                 // that a stream is about
inline constexpr std::size_t kMaxSdsText = SpiffeId::kMaxLength;  // each name, version, type URL

struct SdsWanted {
  bool all = false;  // every SVID and bundle by its own ID, besides `names`
  std::set<std::string, std::less<>> names;
};
using SdsNameList = google::protobuf::RepeatedPtrField<std::string>;

/// Errors   kInvalidArgument: longer than kMaxSdsText; `what` names it
Status check_sds_text(std::string_view what, std::string_view text);
/// Adds the names; empty ones are passed over.
/// Errors   kInvalidArgument: one is too long, or there are more than kMaxSdsNames
Status add_sds_names(const SdsNameList& names, SdsWanted& wanted);

// One resource that a caller may have.
struct SdsSecret {
  enum class Kind : std::uint8_t { kBundle, kAllBundles, kSvid };
  std::string name;  // as it was asked for
  Kind kind = Kind::kBundle;
  const BundleData* bundle = nullptr;  // kBundle
  const Identity* identity = nullptr;  // kSvid
  int place = 0;  // among all that the update has, the names it goes by included
};

// What there is of what was asked for. Points into the update.
struct SdsSelection {
  std::vector<SdsSecret> secrets;    // bundles before SVIDs; each name once
  std::vector<std::string> missing;  // names that mean nothing to this caller, sorted
  bool own_bundle_only = false;      // all of it is our own bundle, which anybody may have
  bool orders_identities = false;    // which identity is the first, or which there are, matters
  std::int64_t first_expiry = 0;     // of its SVIDs, Unix seconds; INT64_MAX: none
};

/// Several names for the same thing are all served. Of identities with the same SPIFFE ID the
/// first one is meant.
SdsSelection select_sds(const SdsOptions& options, const WorkloadUpdate& update,
                        const SdsWanted& wanted);

/// As SPIRE says it: clients' operators search for these words. Very many names are cut short.
Status sds_not_authorized(const std::vector<std::string>& missing);

}  // namespace signet::agent
