// X509Source: always the current identities and bundles, kept up to date by the agent.
//
//   auto transport = make_grpc_transport(*endpoint_from_environment());
//   X509Source source(*transport);
//   SIGNET_RETURN_IF_ERROR(source.wait(std::chrono::seconds(5)));
//   source.current()->default_svid().spiffe_id
#pragma once

#include "workload_client/source.h"
#include "workload_client/x509_context.h"

namespace signet::workload_client {

extern template class Feed<X509Context>;
extern template class Source<X509Context>;
using X509Source = Source<X509Context>;

}  // namespace signet::workload_client
