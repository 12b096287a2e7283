// The event loop of our own HTTP/2 server: one thread, epoll, deadlines, and a mailbox through
// which other threads hand over work. Connections and the transport's side of streams live on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "signet/host.h"

namespace signet::rpc_grpc {

class H2Connection;
class H2Stream;

// Has at most one deadline. On the loop's thread only.
class Timed {
 public:
  virtual ~Timed() = default;
  virtual void expired() = 0;

 private:
  friend class H2Loop;
  int64_t due_ns_ = INT64_MAX;
};

class H2Loop {
 public:
  static constexpr std::size_t kReadSize = 64 * 1024;

  H2Loop();
  H2Loop(const H2Loop&) = delete;
  H2Loop& operator=(const H2Loop&) = delete;
  ~H2Loop();

  Status start(const Host& host);
  void stop();  // joins; the listeners are closed already

  // From any thread.
  void post(std::function<void()> task);
  /// Posts and waits; not from the loop's thread.
  void run(const std::function<void()>& task);
  /// stream->serve() soon, on the loop's thread. Takes over a reference to the stream.
  void kick(H2Stream* stream);

  // On the loop's thread.
  void add(std::unique_ptr<H2Connection> connection);
  void remove(H2Connection* connection);  // deleted at the end of the round
  void watch_writes(H2Connection* connection, bool on);
  void mark_dirty(H2Connection* connection) { dirty_.push_back(connection); }
  void set_deadline(Timed* timed, int64_t due_ns);  // INT64_MAX: none
  template <typename F>
  void for_each(F&& fn) {
    const std::vector<H2Connection*> all(connections_.begin(), connections_.end());
    for (H2Connection* connection : all) fn(*connection);
  }
  int64_t now_ns() const { return host_.monotonic_ns(); }
  uint8_t* read_buffer() { return read_buffer_.get(); }
  std::vector<uint8_t>& write_buffer() { return write_buffer_; }

 private:
  void loop();
  int timeout_ms() const;
  void wake_up();
  void take_mail();
  void expire();
  bool settle();  // false: there is more to do, but others have their turn

  Host host_;
  int epoll_ = -1;
  int wake_ = -1;
  bool stopping_ = false;
  std::thread thread_;
  std::unique_ptr<uint8_t[]> read_buffer_;
  std::vector<uint8_t> write_buffer_;
  std::set<H2Connection*> connections_;
  std::vector<H2Connection*> dirty_;
  std::vector<H2Stream*> kicked_;
  std::vector<std::unique_ptr<H2Connection>> dead_;
  std::set<std::pair<int64_t, Timed*>> deadlines_;

  std::mutex mutex_;
  bool woken_ = false;
  std::vector<H2Stream*> mailed_kicks_;
  std::vector<std::function<void()>> mailed_tasks_;
};

}  // namespace signet::rpc_grpc
