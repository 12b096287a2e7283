// TlsSession: the server's side of one TLS connection, in memory: wire bytes go in and come out,
// the sockets are somebody else's. One thread at a time.
//
// Versions, ciphers and the certificate are the SSL_CTX's (tls_server.h). The peer's chain is
// judged within the handshake, so that a refused peer is told by an alert.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

namespace signet::rpc_grpc {

class TlsSession {
 public:
  // DER, leaf first; empty: the peer has shown none. False refuses it. May block.
  using Judge = std::function<bool(std::vector<std::string> chain)>;
  enum class State { kMore, kDone, kFailed };

  /// Null when memory is out. The context keeps living as long as the session.
  static std::unique_ptr<TlsSession> create(SSL_CTX* context, Judge judge);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Takes what the peer sent and goes on with the handshake; afterwards output() has what the
  /// peer is to get, also when it failed. The judge is asked in here, once.
  State handshake(std::string_view bytes);
  /// What came behind the handshake's last message, still encrypted. Once.
  std::string take_early() { return std::move(early_); }

  /// After the handshake. Bytes from the wire, for read(); they must stay until it says 0.
  void feed(std::string_view bytes) { input_ = bytes; }
  /// Plaintext of the next record: its size; 0: everything fed is used up; -1: it is over, with
  /// failure() when it did not end well. output() may have grown.
  int read(uint8_t* out, std::size_t size);
  /// Encrypts into output(). False: failure().
  bool write(std::string_view plain);
  /// Says goodbye into output().
  void close_notify();

  std::string& output() { return output_; }
  /// Why it failed, for the log; null otherwise.
  const char* failure() const { return failure_; }

  // For the SSL_CTX's set-up.
  static int on_verify(X509_STORE_CTX* store, void*);

 private:
  friend struct TlsBio;
  explicit TlsSession(Judge judge) : judge_(std::move(judge)) {}
  bool ask_judge(std::vector<std::string> chain);
  const char* last_error();

  SSL* ssl_ = nullptr;
  Judge judge_;  // until the handshake is over
  bool judged_ = false;
  std::string_view input_;
  std::string output_;
  std::string early_;
  const char* failure_ = nullptr;
};

}  // namespace signet::rpc_grpc
