// An X509-SVID answer of the Workload API: read, checked, and as text for people.
#pragma once

#include <chrono>
#include <map>

#include "spiffe/workload/workload.pb.h"
#include "x509/verify.h"

namespace signet::agent::cli {

struct X509Identity {
  std::string spiffe_id, hint;
  std::vector<x509::Certificate> chain;  // leaf first
  crypto::PrivateKey key;
  std::vector<x509::Certificate> bundle;
};

struct X509Answer {
  std::vector<X509Identity> identities;
  std::map<std::string, std::vector<x509::Certificate>> federated;  // by trust domain ID
};

/// Errors   kInvalidArgument: what cannot be read; no identity at all
Result<X509Answer> read_x509_answer(const ::X509SVIDResponse& response);
/// Each identity against the bundle that came with it. Errors   kInvalidArgument
Status verify(const X509Answer& answer);

/// took    how long the answer took
std::string x509_answer_text(const X509Answer& answer, std::chrono::nanoseconds took);

}  // namespace signet::agent::cli
