// X509BundleSource and JwtBundleSource: always the current authorities, for programs that judge
// others. An X509Source has its X.509 bundles already.
#pragma once

#include "workload_client/jwt_bundles.h"
#include "workload_client/source.h"
#include "workload_client/x509_bundles.h"

namespace signet::workload_client {

extern template class Feed<X509BundleSet>;
extern template class Source<X509BundleSet>;
using X509BundleSource = Source<X509BundleSet>;

extern template class Feed<JwtBundleSet>;
extern template class Source<JwtBundleSet>;
using JwtBundleSource = Source<JwtBundleSet>;

}  // namespace signet::workload_client
