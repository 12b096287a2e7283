// Hostile input: what answers at a program's SPIFFE_ENDPOINT_SOCKET, and that variable itself, as
// libs/workload-client reads them. What it takes has an identity or bundle that can be used.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/quiet.h"
#include "workload_client/endpoint.h"
#include "workload_client/jwt_bundles.h"
#include "workload_client/jwt_client.h"
#include "workload_client/limits.h"
#include "workload_client/transport.h"
#include "workload_client/x509_bundles.h"
#include "workload_client/x509_context.h"

namespace {

using namespace signet;                   // NOLINT: a program, not a header
using namespace signet::workload_client;  // NOLINT

void demand(bool holds) {
  if (!holds) std::abort();
}

// Answers everything with the same bytes.
class Answers final : public Transport {
 public:
  explicit Answers(std::string_view bytes) : bytes_(bytes) {}
  std::unique_ptr<Stream> stream(const std::string&, std::string, OnMessage, OnEnd) override {
    return nullptr;
  }
  Result<std::string> call(const std::string&, std::string, std::chrono::milliseconds) override {
    return bytes_;
  }

 private:
  std::string bytes_;
};

void read_x509(std::string_view bytes) {
  if (const auto context = X509Context::parse(bytes)) {
    demand(!(*context)->svids.empty() && (*context)->svids.size() <= kMaxIdentities);
    for (const X509Svid& svid : (*context)->svids) {
      demand(!svid.chain.empty() && svid.private_key);
      demand((*context)->bundles.contains(svid.spiffe_id.trust_domain_name()));
    }
  }
  if (const auto set = X509BundleSet::parse(bytes)) demand(!(*set)->bundles.empty());
}

void read_jwt(std::string_view bytes) {
  constexpr std::chrono::milliseconds kTime{1000};
  (void)JwtBundleSet::parse(bytes);
  Answers transport(bytes);
  if (const auto svids = fetch_jwt_svids(transport, {"db"}, "", kTime)) {
    demand(!svids->empty() && svids->size() <= kMaxIdentities);
  }
  (void)validate_jwt_svid(transport, "db", "a.b.c", kTime);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  signet::proto::keep_protobuf_quiet();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_x509(bytes);
  read_jwt(bytes);
  const auto target = endpoint_target(bytes);
  demand(!target || target->starts_with("unix:/") || target->starts_with("ipv4:") ||
         target->starts_with("ipv6:["));
  return 0;
}
