#include "tls_client.h"

#include <utility>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "acceptor_call.h"
#include "pem.h"
#include "tls_key.h"
#include "tls_verify.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kAskTimeoutNs = 10'000'000'000;

// A certificate to name as a root. Nobody asks the roots, the acceptor judges the server; but
// without any, gRPC reads all the system's for each channel.
const std::string& unused_roots() {
  static const std::string pem = [] {
    const PkeyPtr key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, decltype(&X509_free)> root(X509_new(), &X509_free);
    unsigned char* der = nullptr;
    if (!key || !root || X509_set_pubkey(root.get(), key.get()) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(root.get()), 0) ||
        !X509_gmtime_adj(X509_getm_notAfter(root.get()), 0) ||
        X509_sign(root.get(), key.get(), EVP_sha256()) == 0) {
      return std::string();
    }
    const int size = i2d_X509(root.get(), &der);
    if (size <= 0) return std::string();
    std::string out = to_pem({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    return out;
  }();
  return pem;
}

}  // namespace

class TlsClient::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self)
      : owner_(owner), acceptor_(acceptor), self_(self) {}

  // On a thread of its own. gRPC's client has the whole chain, leaf included, in `chain`.
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
  if (!identity && identity.status().code() != Code::kNotFound)
    return identity.status().prefixed("cannot load the TLS identity");
  grpc::experimental::TlsChannelCredentialsOptions options;
  std::vector<grpc::experimental::IdentityKeyCertPair> shown;
  if (identity) {
    auto key = EngineKey::create(*owner_, *identity);
    if (!key) return key.status().prefixed("cannot load the TLS identity");
    key_ = std::move(*key);
    std::string chain;
    for (const std::string& der : identity->chain) chain += to_pem(der);
    shown.push_back({key_->reference(), chain});
    options.watch_identity_key_cert_pairs();
  }
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::StaticDataCertificateProvider>(unused_roots(),
                                                                          std::move(shown)));
  options.watch_root_certs();
  // SPIFFE servers are known by their ID, which the acceptor checks, not by a host name.
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<AsyncVerifier>(
          [shared = shared_](const std::string& leaf, const std::string& chain,
                             std::function<void(grpc::Status)> answer) {
            shared->check(leaf, chain, std::move(answer));
          }));
  return grpc::experimental::TlsCredentials(options);
}

std::string TlsClient::verify_failure() const { return shared_->failure(); }

PeerPtr TlsClient::peer() const { return shared_->peer(); }

void TlsClient::stop() { shared_->stop(); }

}  // namespace signet::rpc_grpc
