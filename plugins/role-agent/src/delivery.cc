#include "delivery.h"

#include <optional>
#include <pthread.h>

#include "refusals.h"
#include "wire.h"

namespace signet::agent {
namespace {

constexpr std::chrono::milliseconds kBase{200};
constexpr std::chrono::seconds kCap{30};
// How soon a connection that was lost without a word is noticed: by the kernel 2 s after this time,
// and where bytes are taken and not passed on, after twice this time.
constexpr std::chrono::seconds kStillHere{10};
// A server that does not know the method may be replaced by one that does.
constexpr std::chrono::minutes kUnknown{5};

// The answer to a word, in which there is nothing else.
bool only_heard(const delivery_v1::FollowResponse& answer) {
  return answer.heard() && !answer.resync();
}

}  // namespace

Delivery::Delivery(Host host, ServerApi& server, Hooks hooks)
    : host_(std::move(host)), server_(server), hooks_(std::move(hooks)), backoff_(kBase, kCap) {}

void Delivery::start() {
  if (thread_.joinable()) return;
  const Status timed = still_here_.start_every(host_, kStillHere, [this] { say_still_here(); });
  if (!timed.ok()) host_.log_status(LogLevel::kWarn, "A lost connection is noticed late", timed);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "delivery");
    run();
  });
}

void Delivery::stop() {
  still_here_.stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (stream_) stream_->cancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Delivery::renew() {
  const std::lock_guard lock(mutex_);
  if (stream_) stream_->cancel();
}

void Delivery::run() {
  for (;;) {
    bool lived = false;
    const Status ended = follow(lived);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    hooks_.ended(ended);
    if (lived) backoff_.reset();
    if (ended.ok() && lived) continue;  // the server wants its agents to spread anew
    if (ended.code() == Code::kUnimplemented) {
      host_.debug("The server does not tell of changes; it is asked every sync interval");
      wait(kUnknown);
    } else {
      host_.log_status(LogLevel::kDebug, "The server tells of no changes for now", ended);
      wait(backoff_.next());
    }
  }
}

Status Delivery::follow(bool& lived) {
  delivery_v1::FollowRequest request;
  *request.mutable_output_mask() = entry_mask();
  request.set_answer_still_here(true);
  std::optional<std::int64_t> asked_ns = host_.wall_ns();
  SIGNET_TRY(const auto stream, server_.follow(request));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return cancelled_at_the_end();
    stream_ = stream.get();
    answers_ = kTheFirst;
    unheard_ = 0;
  }
  const auto read_all = [&]() -> Status {
    for (;;) {
      SIGNET_TRY(auto told, stream->read());
      if (!told) return {};
      heard(*told);
      // Only the first answer comes when it is asked for.
      if (const auto asked = std::exchange(asked_ns, std::nullopt); asked && told->time_ns() != 0)
        hooks_.clock(*asked, told->time_ns());
      if (only_heard(*told)) continue;
      const Status taken = hooks_.take(std::move(*told));
      taken_over();
      SIGNET_RETURN_IF_ERROR(taken);
      SIGNET_RETURN_IF_ERROR(stream->acknowledge());
      lived = true;
      hooks_.live();
    }
  };
  Status ended = read_all();
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  return ended;
}

void Delivery::heard(const delivery_v1::FollowResponse& answer) {
  const std::lock_guard lock(mutex_);
  unheard_ = 0;
  taking_ = !only_heard(answer);
  if (answers_ == kTheFirst) answers_ = answer.heard() ? kToEachWord : kNone;
}

void Delivery::taken_over() {
  const std::lock_guard lock(mutex_);
  unheard_ = 0;
  taking_ = false;
}

void Delivery::say_still_here() {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr) return;
  if (answers_ != kNone && !taking_ && unheard_++ > 0) {
    host_.log(answers_ == kTheFirst ? LogLevel::kDebug : LogLevel::kWarn,
              "The server has fallen silent; another connection is made");
    return stream_->lost();
  }
  if (answers_ != kTheFirst) stream_->still_here();  // until then its request is word enough
}

void Delivery::wait(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace signet::agent
