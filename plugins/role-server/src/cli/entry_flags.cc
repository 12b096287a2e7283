#include "cli/entry_flags.h"

#include "cli/go_text.h"

namespace signet::server::cli {

void EntryFlags::declare(FlagSet& flags, bool presence_only) {
  flags.text("data", &data,
             "JSON file with the entries, or - for standard input; other flags then say nothing");
  flags.text("entryID", &entry_id, "ID of the entry");
  flags.text("parentID", &parent_id,
             "SPIFFE ID of the agent or node alias that may hand out the identity");
  flags.text("spiffeID", &spiffe_id, "SPIFFE ID that the workload gets");
  flags.text("hint", &hint, "word that tells a workload which of its identities this one is");
  flags.integer("x509SVIDTTL", &x509_svid_ttl,
                "life of X509-SVIDs in seconds; 0: the server's default");
  flags.integer("jwtSVIDTTL", &jwt_svid_ttl,
                "life of JWT-SVIDs in seconds; 0: the server's default");
  flags.integer("entryExpiry", &expiry, "when the entry ends, in seconds since 1970; 0: never");
  flags.texts("selector", &selectors,
              "type:value that the workload must have; repeatable, all must match");
  flags.texts("federatesWith", &federates_with,
              "trust domain whose bundle the workload gets too; repeatable");
  flags.texts("dns", &dns_names,
              "DNS name in the X509-SVID, the first is its common name too; repeatable");
  flags.boolean("admin", &admin, "the identity may call the server's admin API");
  flags.boolean("downstream", &downstream, "the identity is a downstream server's");
  flags.boolean("storeSVID", &store_svid, "the SVID goes to an SVID store");
  constexpr const char* kPrefetch = "agents make the X509-SVID when it is first asked for";
  constexpr const char* kJti = "JWT-SVIDs carry a jti claim and are not cached by agents";
  if (presence_only) {
    flags.presence("disableX509SVIDPrefetch", &disable_prefetch, kPrefetch);
    flags.presence("jwtSVIDIncludeJTI", &include_jti, kJti);
  } else {
    flags.boolean("disableX509SVIDPrefetch", &disable_prefetch, kPrefetch);
    flags.boolean("jwtSVIDIncludeJTI", &include_jti, kJti);
  }
}

Status EntryFlags::check_ttls() const {
  if (x509_svid_ttl < 0) return Status::invalid_argument("a positive x509-SVID TTL is required");
  if (jwt_svid_ttl < 0) return Status::invalid_argument("a positive JWT-SVID TTL is required");
  return {};
}

Result<types::Entry> EntryFlags::entry() const {
  types::Entry entry;
  const auto x509_ttl = signet::cli::to_int32(x509_svid_ttl);
  if (!x509_ttl) return x509_ttl.status().prefixed("invalid value for X509 SVID TTL");
  const auto jwt_ttl = signet::cli::to_int32(jwt_svid_ttl);
  if (!jwt_ttl) return jwt_ttl.status().prefixed("invalid value for JWT SVID TTL");
  entry.set_id(entry_id);
  entry.set_x509_svid_ttl(*x509_ttl);
  entry.set_jwt_svid_ttl(*jwt_ttl);
  entry.set_expires_at(expiry);
  entry.set_hint(hint);
  entry.set_admin(admin);
  entry.set_downstream(downstream);
  entry.set_store_svid(store_svid);
  for (const std::string& selector : selectors) {
    SIGNET_TRY(*entry.add_selectors(), parse_selector(selector));
  }
  for (const std::string& domain : federates_with) entry.add_federates_with(domain);
  for (const std::string& name : dns_names) entry.add_dns_names(name);
  if (disable_prefetch || include_jti) {
    entry.mutable_additional_attributes()->set_disable_x509_svid_prefetch(disable_prefetch);
    entry.mutable_additional_attributes()->set_jwt_svid_include_jti(include_jti);
  }
  return entry;
}

}  // namespace signet::server::cli
