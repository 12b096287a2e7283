// LocalRpc: the host service signet.host.rpc/1 inside one process. See README.md.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/status.h"

namespace signet::fakes {

struct Connection;
struct Exchange;
struct Listener;

// Who calls, when a test does: this very process on a Unix socket, unless it has certificates.
struct LocalCaller {
  std::vector<std::string> chain;  // DER, leaf first; given to the listener's verify()
  std::string address;
  bool tls = false;
};

class LocalRpc {
 public:
  using Headers = std::multimap<std::string, std::string>;

  // One call that a test makes by hand. Dropping it cancels it.
  class Call {
   public:
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void send(std::string message);
    void half_close();
    void cancel();
    /// From now on what the service writes is refused, as if its queue were full.
    void stop_reading();
    /// The queue is empty again.
    void read_on();

    std::vector<std::string> messages() const;  // what the service sent so far
    std::size_t count() const { return messages().size(); }
    bool over() const;
    Code code() const;           // kOk until it is over
    std::string words() const;   // of the status
    std::string detail() const;  // encoded google.protobuf.Any
    std::multimap<std::string, std::string> audit() const;

    /// The i-th message; an empty one, which the test will notice, when there is none.
    template <typename M>
    M message(std::size_t i) const {
      M parsed;
      const auto all = messages();
      if (i < all.size()) (void)parsed.ParseFromString(all[i]);
      return parsed;
    }
    template <typename M>
    M last() const {
      const std::size_t n = count();
      return n == 0 ? M() : message<M>(n - 1);
    }

   private:
    friend class LocalRpc;
    Call(LocalRpc& rpc, std::shared_ptr<Exchange> exchange);
    LocalRpc& rpc_;
    const std::shared_ptr<Exchange> exchange_;
  };

  /// settle  runs the test's own workers until nothing is left to do, calling pump() as part of
  ///         it; without it run() calls pump() alone
  explicit LocalRpc(std::function<void()> settle = {});
  ~LocalRpc();
  LocalRpc(const LocalRpc&) = delete;
  LocalRpc& operator=(const LocalRpc&) = delete;

  const signet_host_rpc* table() const;

  /// Starts a call and sends `request`; then run(). Unary and server-streaming methods see the
  /// half-close with it.
  std::unique_ptr<Call> call(const std::string& method, std::string request, Headers headers = {},
                             const LocalCaller& caller = {});
  /// A call whose client sends further messages.
  std::unique_ptr<Call> open(const std::string& method, std::string first, Headers headers = {},
                             const LocalCaller& caller = {});

  /// Runs callbacks until there are none left. False when there was none.
  bool pump();
  void run();
  /// Runs callbacks on threads of its own from now on, for clients and handlers that block.
  void start_threads(int how_many = 2);

  // What was listened for.
  struct Listening {
    std::string uri;
    std::string options;
    bool with_acceptor = false;
    bool serving = false;
    int identity_changes = 0;
  };
  std::vector<Listening> listeners() const;
  /// Of all listeners.
  std::vector<std::string> methods() const;
  bool has(const std::string& method) const;
  /// Connections that clients made, handshakes included. Refused ones do not count.
  int connections() const;

 private:
  struct Table;

  std::unique_ptr<Call> begin(const std::string& method, std::string first, bool only,
                              Headers headers, const LocalCaller& caller);
  /// One callback of the exchange, without the lock; false when it has none to make.
  bool step(const std::shared_ptr<Exchange>& exchange, std::unique_lock<std::mutex>& lock);
  bool step_any(std::unique_lock<std::mutex>& lock);
  /// Runs callbacks, or waits for those who do, until it is so.
  void until(std::unique_lock<std::mutex>& lock, const std::function<bool()>& so);
  void connect_first(Exchange& exchange);
  void shake_hands(Connection& connection, Listener& listener, Status& failed);
  void end_connections(std::unique_lock<std::mutex>& lock,
                       const std::function<bool(const Connection&)>& which);
  void unlisten(std::uint64_t id);
  void hang_up(Connection* connection);

  const std::function<void()> settle_;
  mutable std::mutex mutex_;  // guards everything below, exchanges included
  std::condition_variable changed_;
  std::map<std::uint64_t, std::unique_ptr<Listener>> listeners_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::list<std::shared_ptr<Exchange>> exchanges_;  // not over at both ends
  std::uint64_t last_id_ = 0;
  int made_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace signet::fakes
