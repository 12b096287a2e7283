// Source<T>: one stream of the Workload API kept open, and the latest T that it brought.
//
// X509Source, X509BundleSource and JwtBundleSource are its instances. A lost stream is opened again
// with growing pauses; what was known stays. INVALID_ARGUMENT and CANCELLED end it for good, since
// asking again cannot help (go-spiffe does the same). An answer that cannot be read is reported and
// changes nothing.
//
// Threads: each source has one of its own; what it calls runs on the transport's, one call at a
// time. Every function may be called from any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "workload_client/transport.h"

namespace signet::workload_client {

// Ends what it stands for when it goes.
class Subscription {
 public:
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}
  ~Subscription() { end_(); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  const std::function<void()> end_;
};

// Where the latest T is. Whoever holds a feed may go on reading it after its source is gone: then
// it stays as it was.
template <typename T>
class Feed : public std::enable_shared_from_this<Feed<T>> {
 public:
  using Ptr = std::shared_ptr<const T>;
  using Listener = std::function<void(const Ptr&)>;

  /// The latest; nullptr before the first. Cheap.
  Ptr current() const;
  /// Calls `listener` now if there is a T, and with each new one on the source's thread, one call
  /// at a time, until the handle goes; that waits for a call under way. A listener may see the same
  /// T twice. It neither subscribes nor lets a handle go.
  std::unique_ptr<Subscription> subscribe(Listener listener);
  void publish(Ptr next);

 private:
  mutable std::mutex mutex_;
  Ptr current_;
  std::mutex telling_;  // held while listeners are called; before mutex_
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t last_listener_ = 0;
};

template <typename T>
class Source {
 public:
  using Ptr = std::shared_ptr<const T>;
  struct Options {
    std::chrono::milliseconds first_pause{1000};  // grows by as much with each failure
    std::chrono::milliseconds longest_pause{30000};
    /// After each new T. Optional.
    std::function<void(const Ptr&)> on_update;
    /// After each failure of the stream, and each answer that cannot be read. Optional.
    std::function<void(const Status&)> on_error;
  };

  /// Asks at once, and goes on until it is destroyed. The transport must outlive it.
  explicit Source(Transport& transport) : Source(transport, Options()) {}
  Source(Transport& transport, Options options);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source();

  /// Waits for the first T.
  /// Errors   kDeadlineExceeded; the stream's own when it ended for good
  Status wait(std::chrono::milliseconds timeout);
  /// The latest; nullptr before the first. Cheap.
  Ptr current() const { return feed_->current(); }
  /// Why there is none or why it is not fresh; ok while the stream is up.
  Status last_error() const;
  std::shared_ptr<Feed<T>> feed() const { return feed_; }

 private:
  void run();
  void take(std::string_view message, std::chrono::milliseconds& pause);

  Transport& transport_;
  const Options options_;
  const std::shared_ptr<Feed<T>> feed_ = std::make_shared<Feed<T>>();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Status error_;
  bool stream_ended_ = false;
  bool gave_up_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace signet::workload_client
