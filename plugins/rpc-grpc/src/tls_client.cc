#include "tls_client.h"

#include <utility>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "acceptor_call.h"
#include "pem.h"
#include "tls_verify.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kAskTimeoutNs = 10'000'000'000;

}  // namespace

class TlsClient::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self)
      : owner_(owner), acceptor_(acceptor), self_(self) {}

  // On a worker. gRPC's client has the whole chain, leaf included, in `chain`.
  void check(const std::string& leaf, const std::string& chain,
             std::function<void(grpc::Status)> answer) {
    auto peer = std::make_shared<Peer>(&acceptor_, self_);
    peer->abi.transport = SIGNET_RPC_TLS;
    peer->abi.connection = next_connection_number();
    const auto first = from_pem(leaf);
    peer->chain = from_pem(chain);
    if (!first.empty() && (peer->chain.empty() || peer->chain.front() != first.front())) {
      peer->chain.insert(peer->chain.begin(), first.front());
    }
    peer->seal();
    {
      std::lock_guard lock(mutex_);
      if (stopping_)
        return answer(grpc::Status(grpc::StatusCode::CANCELLED, "the channel is closed"));
      ++asked_;
    }
    const signet_rpc_peer& abi = peer->abi;
    // The peer moves along, so that nobody holds it when stop() returns.
    ask_verdict(owner_, acceptor_, self_, abi, owner_.host.monotonic_ns() + kAskTimeoutNs,
                [self = shared_from_this(), peer = std::move(peer),
                 answer = std::move(answer)](Result<Verdict> verdict) mutable {
                  self->give(std::move(peer), std::move(verdict), answer);
                });
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    quiet_.wait(lock, [&] { return asked_ == 0; });
    const PeerPtr last = std::exchange(peer_, nullptr);
    lock.unlock();  // its end calls closed()
  }

  std::string failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }
  PeerPtr peer() const {
    std::lock_guard lock(mutex_);
    return peer_;
  }

 private:
  void give(PeerPtr peer, Result<Verdict> verdict,
            const std::function<void(grpc::Status)>& answer) {
    grpc::Status status;
    PeerPtr last;
    {
      std::lock_guard lock(mutex_);
      if (verdict) {
        peer->accept(std::move(verdict->id), verdict->user);
        last = std::exchange(peer_, peer);  // a channel has one connection at a time
        failure_.clear();
      } else {
        failure_ = verdict.status().message();
        status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, failure_);
      }
    }
    answer(std::move(status));
    last.reset();
    peer.reset();
    std::lock_guard lock(mutex_);
    --asked_;
    quiet_.notify_all();
  }

  const Owner owner_;
  const signet_rpc_acceptor& acceptor_;
  void* const self_;
  mutable std::mutex mutex_;
  std::condition_variable quiet_;
  bool stopping_ = false;
  std::size_t asked_ = 0;
  std::string failure_;
  PeerPtr peer_;
};

TlsClient::TlsClient(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self)
    : owner_(std::make_unique<Owner>(owner)),
      acceptor_(acceptor),
      self_(self),
      shared_(std::make_shared<Shared>(owner, acceptor, self)) {}

TlsClient::~TlsClient() = default;

Result<std::shared_ptr<grpc::ChannelCredentials>> TlsClient::credentials() {
  const auto identity =
      ask_identity_now(*owner_, acceptor_, self_, owner_->host.monotonic_ns() + kAskTimeoutNs);
  grpc::experimental::TlsChannelCredentialsOptions options;
  if (identity) {
    auto key = EngineKey::create(*owner_, *identity);
    if (!key) return key.status().prefixed("cannot load the TLS identity");
    key_ = std::move(*key);
    std::string chain;
    for (const std::string& der : identity->chain) chain += to_pem(der);
    // Roots that nobody asks: without any, gRPC reads all the system's for each channel.
    const std::string unused_roots = to_pem(identity->chain.front());
    using grpc::experimental::IdentityKeyCertPair;
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
            unused_roots, std::vector<IdentityKeyCertPair>{{key_->reference(), chain}}));
    options.watch_root_certs();
    options.watch_identity_key_cert_pairs();
  } else if (identity.status().code() != Code::kNotFound) {
    return identity.status().prefixed("cannot load the TLS identity");
  }
  // SPIFFE servers are known by their ID, which the acceptor checks, not by a host name.
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<AsyncVerifier>(
          *owner_, [shared = shared_](std::string leaf, std::string chain,
                                      std::function<void(grpc::Status)> answer) {
            shared->check(leaf, chain, std::move(answer));
          }));
  return grpc::experimental::TlsCredentials(options);
}

std::string TlsClient::verify_failure() const { return shared_->failure(); }

PeerPtr TlsClient::peer() const { return shared_->peer(); }

void TlsClient::stop() { shared_->stop(); }

}  // namespace signet::rpc_grpc
