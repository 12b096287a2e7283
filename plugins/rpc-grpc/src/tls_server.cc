#include "tls_server.h"

#include <utility>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "acceptor_call.h"
#include "tls_key.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kAskTimeoutNs = 10'000'000'000;
constexpr int kMaxSteps = 8;  // at once: handshakes may not take all of the owner's workers

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kH2[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kH2, sizeof kH2, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool set_policy(SSL_CTX* context, bool ask_client_certificate) {
  static constexpr unsigned char kId[] = "signet";
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps no buffer
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, ask_client_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &TlsSession::on_verify, nullptr);
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_session_id_context(context, kId, sizeof kId - 1) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

Status openssl_refused(const std::string& what) {
  const char* why = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Status::invalid_argument("OpenSSL refused " + what + (why ? ": " : "") + (why ? why : ""));
}

bool show(SSL_CTX* context, const std::vector<std::string>& chain) {
  bool first = true;
  for (const std::string& der : chain) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
    const bool taken = certificate && (first ? SSL_CTX_use_certificate(context, certificate)
                                             : SSL_CTX_add1_chain_cert(context, certificate)) == 1;
    X509_free(certificate);
    if (!taken) return false;
    first = false;
  }
  return !first;
}

}  // namespace

TlsServer::TlsServer(const Owner& owner, const ServerOptions& options,
                     const signet_rpc_acceptor& acceptor, void* self)
    : owner_(owner),
      ask_client_certificate_(options.ask_client_certificate),
      max_handshakes_(static_cast<std::size_t>(options.max_handshakes)),
      acceptor_(acceptor),
      self_(self) {}

Result<TlsServer::ContextPtr> TlsServer::make_context() {
  SIGNET_TRY(const Identity identity, ask_identity_now(owner_, acceptor_, self_,
                                                       owner_.host.monotonic_ns() + kAskTimeoutNs));
  SIGNET_TRY(const PkeyPtr key, private_key_of(owner_, identity));
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context || !set_policy(context.get(), ask_client_certificate_))
    return openssl_refused("the settings of TLS");
  if (!show(context.get(), identity.chain)) return openssl_refused("the certificate");
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
    return openssl_refused("the private key");
  return context;
}

Status TlsServer::load_identity() {
  auto context = make_context();
  if (!context) return context.status().prefixed("cannot load the TLS identity");
  std::lock_guard lock(mutex_);
  context_ = std::move(*context);
  return {};
}

void TlsServer::identity_changed() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (std::exchange(asking_, true)) {
      ask_again_ = true;
      return;
    }
  }
  reload();
}

void TlsServer::reload() {
  const auto finished = [self = shared_from_this()](const Status& status) {
    if (!status.ok())
      self->owner_.host.log_status(LogLevel::kError, "Failed to load the new TLS certificate",
                                   status);
    bool again = false;
    {
      std::lock_guard lock(self->mutex_);
      again = std::exchange(self->ask_again_, false) && !self->stopping_;
      self->asking_ = again;
      self->quiet_.notify_all();
    }
    if (again) self->reload();
  };
  const Status posted =
      owner_.host.post([self = shared_from_this(), finished] { finished(self->load_identity()); });
  if (!posted.ok()) finished(posted);
}

std::unique_ptr<TlsSession> TlsServer::make_session(Peer* peer) {
  std::unique_lock lock(mutex_);
  SSL_CTX* context = context_.get();
  SSL_CTX_up_ref(context);
  lock.unlock();
  const ContextPtr held(context);
  return TlsSession::create(context, [this, peer](std::vector<std::string> chain) {
    return judge(peer, std::move(chain));
  });
}

bool TlsServer::judge(Peer* peer, std::vector<std::string> chain) {
  peer->chain = std::move(chain);
  peer->seal();
  Result<Verdict> verdict = ask_verdict_now(owner_, acceptor_, self_, peer->abi,
                                            owner_.host.monotonic_ns() + kAskTimeoutNs);
  if (!verdict) {
    // Strangers may come as often as they like; one line a second says what there is to say.
    const bool say = refusal_.due(owner_.host.monotonic_ns());
    owner_.host.log(say ? LogLevel::kInfo : LogLevel::kDebug, "Caller refused in the handshake",
                    {{"caller_addr", peer->address}, {"error", verdict.status().message()}});
    return false;
  }
  peer->accept(std::move(verdict->id), verdict->user);
  return true;
}

uint64_t TlsServer::handshake_began(std::function<void()> give_up) {
  std::function<void()> oldest;
  uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    number = ++last_handshake_;
    handshakes_.emplace(number, std::move(give_up));
    if (handshakes_.size() > max_handshakes_)
      oldest = std::move(handshakes_.extract(handshakes_.begin()).mapped());
  }
  if (oldest) oldest();
  return number;
}

void TlsServer::handshake_ended(uint64_t number) {
  std::lock_guard lock(mutex_);
  handshakes_.erase(number);
}

void TlsServer::run(Step step) {
  {
    std::lock_guard lock(mutex_);
    if (running_ == kMaxSteps) {
      waiting_.push_back(std::move(step));
      return;
    }
    ++running_;
  }
  post(std::move(step));
}

void TlsServer::post(Step step) {
  while (step) {
    auto shared = std::make_shared<Step>(std::move(step));
    const Status posted = owner_.host.post([self = shared_from_this(), shared] {
      {
        const OnWorker here;
        (*shared)(true);
        *shared = nullptr;  // what it held is gone before stop() returns
      }
      self->post(self->next_step());
    });
    if (posted.ok()) return;
    (*shared)(false);
    *shared = nullptr;
    step = next_step();
  }
}

TlsServer::Step TlsServer::next_step() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --running_;
    quiet_.notify_all();
    return nullptr;
  }
  Step next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

void TlsServer::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  quiet_.wait(lock, [&] { return running_ == 0 && !asking_; });
}

}  // namespace signet::rpc_grpc
