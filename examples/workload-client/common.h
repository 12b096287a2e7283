// What all four programs need: the agent, who may be the peer, and the error that ends a program.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "workload_client/authorize.h"
#include "workload_client/endpoint.h"
#include "workload_client/grpc_transport.h"

[[noreturn]] inline void give_up(const signet::Status& status) {
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

// The agent that SPIFFE_ENDPOINT_SOCKET names.
inline std::unique_ptr<signet::workload_client::Transport> connect_to_agent() {
  const auto endpoint = signet::workload_client::endpoint_from_environment();
  if (!endpoint) give_up(endpoint.status());
  return signet::workload_client::make_grpc_transport(*endpoint);
}

// "spiffe://example.org/db": exactly that peer; "example.org": everybody of that trust domain.
inline signet::workload_client::Authorize who_may(const char* text) {
  if (const auto id = signet::SpiffeId::parse(text))
    return signet::workload_client::authorize_id(*id);
  const auto domain = signet::TrustDomain::parse(text);
  if (!domain) give_up(domain.status());
  return signet::workload_client::authorize_member_of(*domain);
}
