// One connection of the HTTP/2 server: its socket, its TLS if any, its nghttp2 session and the
// streams on it. Lives on the loop's thread.
//
// A connection that has sent nothing has no session: it costs this object and the peer's. The
// server's SETTINGS are the same bytes for every connection of a listener and go out at once.
// What is to be sent gathers in the loop's write buffer; with TLS, it goes through TlsSession then.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "connection.h"
#include "h2_loop.h"
#include "h2_position.h"
#include "h2_request.h"
#include "h2_session.h"
#include "method.h"
#include "options.h"
#include "runtime.h"
#include "tls_session.h"

namespace signet::rpc_grpc {

class H2Stream;

// What the server needs of its listener.
class H2Service : public CallCounter {
 public:
  virtual const Owner& owner() const = 0;
  virtual const ServerOptions& options() const = 0;
  virtual const H2Settings& settings() const = 0;
  virtual const Method* find_method(const std::string& path) const = 0;
  /// The words for a path that find_method() does not know.
  virtual std::string unknown_method_words(const std::string& path) const = 0;
  virtual void call_began() = 0;
  /// Before the first call of a connection that is not known(): the process of its peer. An error's
  /// words are for the caller.
  virtual Status know_peer(Connection& connection) = 0;
  /// The handshake is over and has told who the caller is. False: it has too many connections.
  virtual bool identified(const ConnectionPtr& connection) = 0;
  virtual void connection_ended(const ConnectionPtr& connection) = 0;

 protected:
  ~H2Service() = default;
};

class H2Connection final : public Watched {
 public:
  /// tls: its handshake is over; null: plaintext.
  H2Connection(H2Loop* loop, std::shared_ptr<H2Service> service, ConnectionPtr connection,
               std::unique_ptr<TlsSession> tls = nullptr);
  ~H2Connection() override;
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  /// Sends the SETTINGS and gives the peer its time for a preface.
  void start() override;
  void ready(uint32_t events) override;
  void flush() override;
  /// flush() at the end of the round.
  void wants_flush();
  /// GOAWAY; the connection ends with its last call.
  void go_away() override;
  /// Ends it and all its calls. Not from within a callback of the session.
  void close(const char* reason) override;

  int fd() const override { return connection_->socket; }
  H2Service& service() override { return *service_; }
  H2Loop& loop() { return *loop_; }
  nghttp2_session* session() { return session_; }
  /// No room for another DATA frame before the write buffer is written out.
  bool crowded();
  void put(std::string_view bytes);

  /// Bytes of messages that are not whole or have no credit yet. False: that is too much.
  bool hold(std::size_t bytes);
  void let_go(std::size_t bytes) { held_ -= bytes; }

  H2Stream* first_stream = nullptr;  // the list of them, kept by the streams themselves

 private:
  friend struct H2Callbacks;
  bool make_session();
  void receive();
  void decrypt(std::string_view bytes);
  void parse(const uint8_t* bytes, std::size_t size);
  // False: the socket is full or the connection ended.
  bool write_out();
  bool send_wire(std::string_view bytes);
  int64_t end_of_age() const;
  void start_call(int32_t id, bool ended);
  void refuse(int32_t id, const H2Request& request, const H2Request::Refusal& refusal);
  Field caller() const;  // for the log
  void expired() override;

  H2Loop* const loop_;
  const std::shared_ptr<H2Service> service_;
  ConnectionPtr connection_;  // until close()
  const std::unique_ptr<TlsSession> tls_;
  nghttp2_session* session_ = nullptr;
  std::unique_ptr<H2Request> request_;   // whose HEADERS are coming in
  std::unique_ptr<std::string> unsent_;  // bytes for the wire, when the socket is full
  std::size_t held_ = 0;
  H2Position position_;
  const char* trouble_ = nullptr;  // what the peer did wrong, for the log
  bool dirty_ = false;
  bool greeted_ = false;  // its preface and SETTINGS have come
  bool aged_ = false;     // a GOAWAY has announced the next one
  bool draining_ = false;
  bool leaving_ = false;  // its peer has said goodbye
  bool crowded_ = false;  // a stream has more to say once the write buffer is written out
  bool closed_ = false;
};

/// Time for a peer to send its preface. A variable, so that tests need not wait.
extern int64_t h2_preface_timeout_ns;

}  // namespace signet::rpc_grpc
