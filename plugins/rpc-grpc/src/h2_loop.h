// The event loop of the HTTP/2 server: one thread, epoll, deadlines, and a mailbox through which
// other threads hand over work. Connections and the transport's side of streams live on it. There
// are a few of them (runtime.h); a connection stays on one.
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

class H2Service;
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

// A socket on the loop: a connection, or one that is still shaking hands. On the loop's thread.
class Watched : public Timed {
 public:
  virtual int fd() const = 0;
  /// It has been added.
  virtual void start() = 0;
  /// The socket is ready; epoll's events.
  virtual void ready(uint32_t events) = 0;
  /// Sends what there is to send, as far as the socket takes it: after mark_dirty().
  virtual void flush() {}
  /// No new calls; it ends with its last one.
  virtual void go_away() = 0;
  /// Ends it. `reason` is for the log; null: nothing unusual.
  virtual void close(const char* reason) = 0;
  virtual H2Service& service() = 0;
};

class H2Loop {
 public:
  static constexpr std::size_t kReadSize = 64 * 1024;
  static constexpr std::size_t kPlainSize = 16 * 1024;  // a TLS record's most

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
  void add(std::unique_ptr<Watched> watched);
  void remove(Watched* watched);  // deleted at the end of the round
  void watch(Watched* watched, uint32_t events);
  void mark_dirty(Watched* watched) { dirty_.push_back(watched); }
  void set_deadline(Timed* timed, int64_t due_ns);  // INT64_MAX: none
  template <typename F>
  void for_each(F&& fn) {
    const std::vector<Watched*> all(watched_.begin(), watched_.end());
    for (Watched* watched : all) fn(*watched);
  }
  int64_t now_ns() const { return host_.monotonic_ns(); }
  uint8_t* read_buffer() { return read_buffer_.get(); }
  uint8_t* plain_buffer() { return plain_buffer_.get(); }  // of kPlainSize, for what TLS decrypts
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
  std::atomic<bool> running_{false};
  std::thread thread_;
  std::unique_ptr<uint8_t[]> read_buffer_;
  std::unique_ptr<uint8_t[]> plain_buffer_;
  std::vector<uint8_t> write_buffer_;
  std::set<Watched*> watched_;
  std::vector<Watched*> dirty_;
  std::vector<H2Stream*> kicked_;
  std::vector<std::unique_ptr<Watched>> dead_;
  std::set<std::pair<int64_t, Timed*>> deadlines_;

  std::mutex mutex_;
  bool woken_ = false;
  std::vector<H2Stream*> mailed_kicks_;
  std::vector<std::function<void()>> mailed_tasks_;
};

}  // namespace signet::rpc_grpc
