// One thread that accepts connections for every listener.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "signet/status.h"

namespace signet::rpc_grpc {

class AcceptLoop {
 public:
  using Callback = std::function<void()>;  // runs on the loop's thread

  AcceptLoop() = default;
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;
  ~AcceptLoop();

  Status start();
  void stop();  // joins the thread

  /// Level-triggered: `ready` whenever a connection waits on the listening socket.
  /// The token is for remove(); 0 on failure.
  uint64_t watch_listener(int fd, Callback ready);
  /// The callback never starts after this; waits if it is running on the loop's thread.
  void remove(uint64_t token, int fd);
  /// Returns when the callback that runs now is over and what it held is released.
  void barrier();

 private:
  void run();
  bool on_loop_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  int epoll_ = -1;
  int wake_ = -1;
  bool stopping_ = false;
  std::thread thread_;
  std::mutex mutex_;
  std::mutex running_;  // held while a listener's callback runs
  uint64_t next_token_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<Callback>> watches_;
};

}  // namespace signet::rpc_grpc
