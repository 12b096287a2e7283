// Delivery: hears from the server what changes, as it is committed.
//
// One thread, which keeps a Follow call open for as long as the server knows the method. Each
// answer is handed on and acknowledged once it was taken over; the first one of each call says that
// everything is to be asked for anew, so nothing that was missed between two calls stays missed.
//
// Now and then it says that it is still there. A server that does not answer that until the next
// time is lost, whatever the kernel says of the connection, and so are all calls on it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "signet/host.h"

#include "rotation.h"
#include "server_api.h"

namespace signet::agent {

class Delivery {
 public:
  // All on the thread of the calls.
  struct Hooks {
    /// Takes an answer over; blocks until it has. An error ends the call, and another one begins.
    std::function<Status(delivery_v1::FollowResponse)> take;
    /// An answer was taken over: changes are told as they come, until the call ends.
    std::function<void()> live;
    /// The server's clock (Unix nanoseconds), which was asked for when ours said `asked_ns`.
    std::function<void(std::int64_t asked_ns, std::int64_t server_ns)> clock;
    std::function<void(const Status&)> ended;
  };
  Delivery(Host host, ServerApi& server, Hooks hooks);
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery() { stop(); }

  void start();
  /// The server's other calls are to have been closed, or this waits for one.
  void stop();
  /// Ends the present call, if any: the next one begins with everything.
  void renew();

 private:
  void run();
  Status follow(bool& lived);
  void say_still_here();
  void heard(const delivery_v1::FollowResponse& answer);
  void taken_over();
  void wait(std::chrono::nanoseconds time);

  const Host host_;
  ServerApi& server_;
  const Hooks hooks_;
  Backoff backoff_;

  std::mutex mutex_;
  std::condition_variable changed_;
  FollowStream* stream_ = nullptr;                          // while it is read
  enum { kTheFirst, kNone, kToEachWord } answers_ = kNone;  // that the server is to give
  int unheard_ = 0;                                         // words since anything was heard
  bool taking_ = false;  // an answer over: meanwhile nothing is read
  bool stopping_ = false;
  Timer still_here_;
  std::thread thread_;
};

}  // namespace signet::agent
