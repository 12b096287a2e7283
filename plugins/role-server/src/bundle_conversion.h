// Bundles as clients send them: authorities read and checked, masks applied.
#pragma once

#include "signet/status.h"

#include "spire/api/types/bundle.pb.h"

namespace signet::server {

using X509Authorities = google::protobuf::RepeatedPtrField<spire::api::types::X509Certificate>;
using JwtAuthorities = google::protobuf::RepeatedPtrField<spire::api::types::JWTKey>;
using WitAuthorities = google::protobuf::RepeatedPtrField<spire::api::types::WITKey>;

/// Each certificate by itself, without its taint flag (only taint and revoke set that).
/// Errors   kInvalidArgument: no certificate
Result<X509Authorities> x509_authorities_from_api(const X509Authorities& authorities);
/// Errors   kInvalidArgument: "missing key ID", or the public key cannot be read
template <typename Keys>  // JwtAuthorities or WitAuthorities
Result<Keys> keys_from_api(const Keys& keys);
/// A whole bundle of a foreign domain; its name comes out bare.
/// Errors   kInvalidArgument: "unable to parse X.509 authority: ...", ...
Result<spire::api::types::Bundle> bundle_from_client(const spire::api::types::Bundle& bundle);

/// A list of one authority.
template <typename Authority>
google::protobuf::RepeatedPtrField<Authority> only(const Authority& authority) {
  google::protobuf::RepeatedPtrField<Authority> list;
  *list.Add() = authority;
  return list;
}

/// Adds what is not there yet, comparing whole messages. True when something was added.
bool append_authorities(spire::api::types::Bundle& bundle, const X509Authorities& x509,
                        const JwtAuthorities& jwt, const WitAuthorities& wit);

/// A null mask keeps everything; the trust domain is always kept.
void apply_mask(spire::api::types::Bundle& bundle, const spire::api::types::BundleMask* mask);

}  // namespace signet::server
