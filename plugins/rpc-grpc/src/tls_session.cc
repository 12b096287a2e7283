#include "tls_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

namespace signet::rpc_grpc {

// OpenSSL's idea of a socket: reads what was fed, writes into the output.
struct TlsBio {
  static TlsSession* of(BIO* bio) { return static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    std::string_view& input = of(bio)->input_;
    if (input.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t n = std::min(input.size(), static_cast<std::size_t>(size));
    std::memcpy(out, input.data(), n);
    input.remove_prefix(n);
    return static_cast<int>(n);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    try {
      of(bio)->output_.append(bytes, static_cast<std::size_t>(size));
    } catch (...) {  // out of memory
      return -1;
    }
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "signet");
      BIO_meth_set_read(m, &read);
      BIO_meth_set_write(m, &write);
      BIO_meth_set_ctrl(m, &control);
      return m;
    }();
    return made;
  }
};

namespace {

std::string der_of(X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

bool chose_h2(const SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

}  // namespace

std::unique_ptr<TlsSession> TlsSession::create(SSL_CTX* context, Judge judge) {
  std::unique_ptr<TlsSession> session(new TlsSession(std::move(judge)));
  session->ssl_ = SSL_new(context);
  BIO* bio = BIO_new(TlsBio::method());
  if (!session->ssl_ || !bio) {
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_data(bio, session.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl_, bio, bio);
  SSL_set_app_data(session->ssl_, session.get());
  SSL_set_accept_state(session->ssl_);
  return session;
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

const char* TlsSession::last_error() {
  const char* words = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return words ? words : "TLS failed";
}

TlsSession::State TlsSession::handshake(std::string_view bytes) {
  input_ = bytes;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    if (!chose_h2(ssl_)) {
      failure_ = "the caller offers no ALPN protocol";
    } else if (!judged_ && !ask_judge({})) {
      failure_ = "a caller without certificate is refused";
    }
    judge_ = nullptr;
    if (failure_) {
      close_notify();
      return State::kFailed;
    }
    early_ = input_;
    input_ = {};
    return State::kDone;
  }
  if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return State::kMore;
  failure_ = last_error();
  judge_ = nullptr;
  return State::kFailed;
}

bool TlsSession::ask_judge(std::vector<std::string> chain) {
  if (std::exchange(judged_, true)) return false;  // there is no second handshake
  try {
    return judge_(std::move(chain));
  } catch (...) {
    return false;
  }
}

// In the place of OpenSSL's own check of chains, before the peer has proved to hold the key; a
// failure to prove it ends the handshake afterwards.
int TlsSession::on_verify(X509_STORE_CTX* store, void*) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  bool good = false;
  try {
    std::vector<std::string> chain;
    const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; sent && i < sk_X509_num(sent); ++i)
      chain.push_back(der_of(sk_X509_value(sent, i)));
    good = !chain.empty() && self->ask_judge(std::move(chain));
  } catch (...) {  // out of memory
  }
  // The peer gets the alert bad_certificate, as Go's servers send it.
  X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
  return good ? 1 : 0;
}

int TlsSession::read(uint8_t* out, std::size_t size) {
  ERR_clear_error();
  const int n = SSL_read(ssl_, out, static_cast<int>(size));
  if (n > 0) return n;
  switch (SSL_get_error(ssl_, n)) {
    case SSL_ERROR_WANT_READ:
      return 0;
    case SSL_ERROR_ZERO_RETURN:
      return -1;
    default:
      failure_ = last_error();
      return -1;
  }
}

bool TlsSession::write(std::string_view plain) {
  ERR_clear_error();
  // The output takes everything, so there is no half write.
  if (plain.empty() || SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())) > 0)
    return true;
  failure_ = last_error();
  return false;
}

void TlsSession::close_notify() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace signet::rpc_grpc
