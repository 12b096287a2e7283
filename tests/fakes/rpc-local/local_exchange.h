// What LocalRpc keeps: listeners, connections, and Exchange, one call seen from both its ends.
// All of it is under LocalRpc's lock; callbacks are made without.
#pragma once

#include <deque>

#include "local_rpc.h"

namespace signet::fakes {

struct Listener {
  struct Method {
    const signet_rpc_handler* handler = nullptr;
    void* self = nullptr;
  };
  std::uint64_t id = 0;
  const signet_host* host = nullptr;
  LocalRpc::Listening facts;
  const signet_rpc_acceptor* acceptor = nullptr;
  void* self = nullptr;
  std::map<std::string, Method> methods;
};

// From a client of this process or, without a host, from a test by hand.
struct Connection {
  const signet_host* host = nullptr;
  std::string uri;
  const signet_rpc_acceptor* acceptor = nullptr;
  void* self = nullptr;

  std::mutex handshake;        // one at a time; before LocalRpc's lock
  Listener* server = nullptr;  // once it is made
  bool server_verified = false, client_verified = false;
  std::vector<std::string> chain;   // what the client showed
  std::vector<signet_bytes> spans;  // of it
  std::string id, address;          // of the client, by the listener's verify()
  signet_rpc_peer peer{};           // the client, as the listener sees it
  std::vector<std::string> server_chain;
  std::vector<signet_bytes> server_spans;
  std::string server_id;
  signet_rpc_peer server_peer{};
};

// One side of a call; signet_rpc_stream* points at it.
struct End {
  explicit End(Exchange* owner) : exchange(owner) {}
  Exchange* const exchange;
  const signet_rpc_handler* handler = nullptr;  // null: a test by hand
  void* st = nullptr;
  int credits = 0;
  std::deque<std::string> inbox;  // for this side, not delivered
  bool closing = false;           // the other side sends no more
  bool told_closing = false;
  bool stalled = false;        // takes nothing now
  bool owes_writable = false;  // the other side was refused a write by us
  bool done = false;

  signet_rpc_stream* abi() { return reinterpret_cast<signet_rpc_stream*>(this); }
};

struct Exchange {
  struct Outcome {
    Code code = Code::kOk;
    std::string words;
    std::string detail;
  };
  std::shared_ptr<Connection> connection;
  std::string method;
  LocalRpc::Headers headers;
  std::int64_t deadline_ns = INT64_MAX;
  End client{this}, server{this};
  std::vector<std::string> seen;  // by a test
  std::multimap<std::string, std::string> audit;
  bool opened = false;
  bool busy = false;  // a callback is being made
  bool cancelled = false;
  std::optional<Outcome> outcome;

  bool over() const { return client.done && server.done; }
  void end(Code code, std::string words, std::string detail = {});
  /// Something for the client to read, now or when it has credit.
  void to_client(std::string message);
  /// What is to be called next, without the lock; empty when there is nothing.
  std::function<void()> next();

 private:
  std::function<void()> next_of(End& end, End& other);
};

/// The LocalRpc there is; the table's functions find it here.
LocalRpc*& the_one();
/// This process, as it would be seen at a Unix socket; its pidfd lives as long as the process.
signet_rpc_peer this_process();
signet_rpc_peer tls_peer(const std::string& address);

inline End& end_of(signet_rpc_stream* stream) { return *reinterpret_cast<End*>(stream); }
inline const End& end_of(const signet_rpc_stream* stream) {
  return *reinterpret_cast<const End*>(stream);
}

}  // namespace signet::fakes
