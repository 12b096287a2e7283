// Watchdog: ends the wait for a server that neither answers nor hangs up.
//
// libpqxx waits for an answer without an end. A server that was stopped, or whose disk hangs,
// keeps its sockets open; so the watchdog shuts down our side of a connection whose time is
// over, and the waiting thread finds it broken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace signet::datastore_sql {

class Watchdog {
 public:
  // One connection's; it must go before the connection closes its socket.
  class Slot {
   public:
    Slot(Watchdog& watchdog, int socket);
    ~Slot();
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    void arm(std::chrono::milliseconds limit);
    void disarm();

   private:
    friend class Watchdog;
    using Clock = std::chrono::steady_clock;

    Watchdog& watchdog_;
    const int socket_;
    Clock::time_point end_ = Clock::time_point::max();  // max: not armed
  };

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run();

  std::mutex mutex_;  // guards what follows, and the slots
  std::condition_variable armed_;
  std::vector<Slot*> slots_;
  bool sleeping_ = false;  // nothing was armed when it last looked
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace signet::datastore_sql
