#include "tls_server.h"

#include <deque>
#include <unordered_map>

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "tls_hooks.h"
#include "tls_verify.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kVerifyTimeoutNs = 10'000'000'000;

}  // namespace

// Which connection gRPC means. Its verifier is told the certificate but not the connection, so
// finished handshakes wait here, oldest first, under their leaf. Two connections with the same
// leaf may swap their turns; bind() then gives the one with the call the verdict that is there.
class TlsServer::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self)
      : owner_(owner), acceptor_(acceptor), self_(self) {}

  void handshake_done(const ConnectionPtr& connection, std::vector<std::string> chain) {
    std::lock_guard lock(mutex_);
    connection->peer->chain = std::move(chain);
    connection->peer->seal();
    connection->handshaken = true;
    waiting_[leaf_of(*connection)].push_back(connection);
    known_[leaf_of(*connection)].push_back(connection);
  }

  void forget(const ConnectionPtr& connection) {
    std::lock_guard lock(mutex_);
    if (!connection->handshaken) return;
    remove(waiting_, connection);
    remove(known_, connection);
  }

  // On a worker.
  void check(const std::string& leaf_pem, std::function<void(grpc::Status)> answer) {
    const auto leaf = from_pem(leaf_pem);
    PeerPtr peer;
    {
      std::lock_guard lock(mutex_);
      const auto it = waiting_.find(leaf.empty() ? std::string() : leaf.front());
      if (it != waiting_.end() && !stopping_) {
        peer = it->second.front()->peer;
        it->second.pop_front();
        if (it->second.empty()) waiting_.erase(it);
        ++asked_;
      }
    }
    if (!peer) return answer(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the connection is gone"));
    const signet_rpc_peer& abi = peer->abi;
    // The peer moves along, so that nobody holds it when stop() returns.
    ask_verdict(owner_, acceptor_, self_, abi, owner_.host.monotonic_ns() + kVerifyTimeoutNs,
                [self = shared_from_this(), peer = std::move(peer),
                 answer = std::move(answer)](Result<Verdict> verdict) mutable {
                  self->give(std::move(peer), std::move(verdict), answer);
                });
  }

  Status bind(const ConnectionPtr& connection) {
    std::lock_guard lock(mutex_);
    if (connection->bound) return {};
    if (!connection->peer->verified) {
      const auto it = known_.find(leaf_of(*connection));
      if (it != known_.end()) {
        for (const ConnectionPtr& other : it->second) {
          if (other->bound || !other->peer->verified) continue;
          std::swap(connection->peer, other->peer);
          break;
        }
      }
    }
    if (!connection->peer->verified) return Status::unavailable("the caller was not verified");
    connection->bound = true;
    return {};
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    quiet_.wait(lock, [&] { return asked_ == 0; });
    waiting_.clear();
    known_.clear();
  }

 private:
  using ByLeaf = std::unordered_map<std::string, std::deque<ConnectionPtr>>;

  static std::string leaf_of(const Connection& c) {
    return c.peer->chain.empty() ? std::string() : c.peer->chain.front();
  }
  static void remove(ByLeaf& map, const ConnectionPtr& connection) {
    const auto it = map.find(leaf_of(*connection));
    if (it == map.end()) return;
    std::erase(it->second, connection);
    if (it->second.empty()) map.erase(it);
  }

  void give(PeerPtr peer, Result<Verdict> verdict,
            const std::function<void(grpc::Status)>& answer) {
    if (verdict) {
      {
        std::lock_guard lock(mutex_);
        peer->accept(std::move(verdict->id), verdict->user);
      }
      answer(grpc::Status::OK);
    } else {
      owner_.host.info("Caller refused in the handshake",
                       {{"caller_addr", peer->address}, {"error", verdict.status().message()}});
      answer(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, verdict.status().message()));
    }
    peer.reset();
    std::lock_guard lock(mutex_);
    --asked_;
    quiet_.notify_all();
  }

  const Owner owner_;
  const signet_rpc_acceptor& acceptor_;
  void* const self_;
  std::mutex mutex_;
  std::condition_variable quiet_;
  bool stopping_ = false;
  std::size_t asked_ = 0;
  ByLeaf waiting_;  // handshake over, verdict not asked for yet
  ByLeaf known_;    // handshake over
};

TlsServer::TlsServer(const Owner& owner, const ServerOptions& options,
                     const signet_rpc_acceptor& acceptor, void* self)
    : owner_(std::make_unique<Owner>(owner)),
      options_(options),
      identity_(std::make_shared<TlsIdentity>(owner, acceptor, self)),
      shared_(std::make_shared<Shared>(owner, acceptor, self)) {}

TlsServer::~TlsServer() = default;

Status TlsServer::load_identity() {
  return identity_->load().prefixed("cannot load the TLS identity");
}

void TlsServer::identity_changed() { identity_->reload(); }

void TlsServer::add_to(grpc::ServerBuilder& builder) {
  grpc::experimental::TlsServerCredentialsOptions options(identity_->provider());
  options.watch_identity_key_cert_pairs();
  // Our verifier judges the chain, against roots that may change with each connection.
  options.set_cert_request_type(options_.ask_client_certificate
                                    ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY
                                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<AsyncVerifier>(
          *owner_, [shared = shared_](std::string leaf, std::string,
                                      std::function<void(grpc::Status)> answer) {
            shared->check(leaf, std::move(answer));
          }));
  options.set_check_call_host(false);
  door_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::experimental::TlsServerCredentials(options));
}

void TlsServer::hand_over(const ConnectionPtr& connection, int listener_fd, int fd) {
  const std::weak_ptr<Connection> weak = connection;
  const ServerHandshake handshake([shared = shared_, weak](std::vector<std::string> chain) {
    if (const auto c = weak.lock()) shared->handshake_done(c, std::move(chain));
  });
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listener_fd;
  parameters.fd = fd;
  door_->HandleNewConnection(&parameters);
}

void TlsServer::forget(const ConnectionPtr& connection) { shared_->forget(connection); }

Status TlsServer::bind(const ConnectionPtr& connection) { return shared_->bind(connection); }

void TlsServer::stop() {
  identity_->stop();
  shared_->stop();
}

std::string TlsServer::address_of(const std::string& grpc_peer) {
  const auto colon = grpc_peer.find(':');
  if (colon == std::string::npos) return grpc_peer;
  std::string address = grpc_peer.substr(colon + 1);
  // gRPC writes the brackets of an IPv6 address percent-encoded, and 4-in-6 as ipv4.
  for (const auto& [from, to] : {std::pair{"%5B", "["}, std::pair{"%5D", "]"}}) {
    if (const auto at = address.find(from); at != std::string::npos) address.replace(at, 3, to);
  }
  return address;
}

}  // namespace signet::rpc_grpc
