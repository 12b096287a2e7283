// A gRPC certificate verifier that may take its time: requests are answered by number, and a
// cancelled one at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <grpcpp/security/tls_certificate_verifier.h>

namespace signet::rpc_grpc {

// The requests that wait for an answer; shared with whoever answers.
class PendingVerdicts {
 public:
  using Callback = std::function<void(grpc::Status)>;
  uint64_t add(void* request, Callback callback);
  /// Does nothing when the request was cancelled meanwhile.
  void answer(uint64_t number, grpc::Status status);
  uint64_t find(void* request);  // 0: none

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;
  struct Pending {
    void* request;
    Callback callback;
  };
  std::map<uint64_t, Pending> pending_;
};

class AsyncVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  // leaf and chain: PEM, as gRPC has them.
  using Check = std::function<void(std::string leaf, std::string chain,
                                   std::function<void(grpc::Status)> answer)>;
  explicit AsyncVerifier(Check check) : check_(std::move(check)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> callback, grpc::Status* sync_status) override;
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* request) override;

 private:
  const Check check_;
  const std::shared_ptr<PendingVerdicts> pending_ = std::make_shared<PendingVerdicts>();
};

}  // namespace signet::rpc_grpc
