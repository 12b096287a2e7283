#include "tls_verify.h"

#include <utility>

#include "runtime.h"

namespace signet::rpc_grpc {

uint64_t PendingVerdicts::add(void* request, Callback callback) {
  std::lock_guard lock(mutex_);
  pending_.emplace(++last_, Pending{request, std::move(callback)});
  return last_;
}

void PendingVerdicts::answer(uint64_t number, grpc::Status status) {
  Callback callback;
  {
    std::lock_guard lock(mutex_);
    const auto it = pending_.find(number);
    if (it == pending_.end()) return;
    callback = std::move(it->second.callback);
    pending_.erase(it);
  }
  callback(std::move(status));
}

uint64_t PendingVerdicts::find(void* request) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, pending] : pending_) {
    if (pending.request == request) return number;
  }
  return 0;
}

bool AsyncVerifier::Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
                           std::function<void(grpc::Status)> callback, grpc::Status*) {
  const auto text = [](const grpc::string_ref& s) {
    return std::string(s.data() ? s.data() : "", s.size());
  };
  std::string leaf = text(request->peer_cert());
  std::string chain = text(request->peer_cert_full_chain());
  const uint64_t number = pending_->add(request, std::move(callback));
  // Never from here: gRPC holds a lock until this returns.
  run_apart([check = check_, leaf = std::move(leaf), chain = std::move(chain), pending = pending_,
             number]() mutable {
    check(std::move(leaf), std::move(chain),
          [pending, number](grpc::Status status) { pending->answer(number, std::move(status)); });
  });
  return false;
}

void AsyncVerifier::Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* request) {
  run_apart([pending = pending_, number = pending_->find(request)] {
    pending->answer(number,
                    grpc::Status(grpc::StatusCode::CANCELLED, "the handshake was given up"));
  });
}

}  // namespace signet::rpc_grpc
