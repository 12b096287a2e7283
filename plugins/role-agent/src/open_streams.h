// OpenStreams: the streams of a service that are open, so that a drain can end them.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace signet::agent {

// Stream has end(). Safe from any thread.
template <typename Stream>
class OpenStreams {
 public:
  void add(const std::shared_ptr<Stream>& stream) {
    const std::lock_guard lock(mutex_);
    if (streams_.size() >= sweep_at_) {
      std::erase_if(streams_, [](const auto& s) { return s.expired(); });
      sweep_at_ = std::max<std::size_t>(64, 2 * streams_.size());
    }
    streams_.push_back(stream);
  }
  void end_all() {
    std::vector<std::weak_ptr<Stream>> streams;
    {
      const std::lock_guard lock(mutex_);
      streams.swap(streams_);
    }
    for (const auto& weak : streams) {
      if (const auto stream = weak.lock()) stream->end();
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::size_t sweep_at_ = 64;  // how many may be kept before the dead ones are swept out
};

}  // namespace signet::agent
