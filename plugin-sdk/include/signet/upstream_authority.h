// Upstream authorities in C++: the interface a plugin implements, and the client a role uses.
//
//   class DiskUpstream final : public signet::Plugin, public signet::UpstreamAuthority { ... };
//
// A plugin answers questions; UpstreamFeed keeps the calls that follow its roots and keys. Tell it
// of news by feed().set_roots() and close it in drain().
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/upstream_authority.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

struct UpstreamRoot {
  std::string certificate;  // DER
  bool tainted = false;
  bool operator==(const UpstreamRoot&) const = default;
};
struct UpstreamKey {  // of JWT-SVIDs or WIT-SVIDs
  std::string key_id;
  std::string public_key;       // SubjectPublicKeyInfo, DER
  std::int64_t expires_at = 0;  // Unix seconds; 0: not known
  bool tainted = false;
  bool operator==(const UpstreamKey&) const = default;
};
using UpstreamRoots = std::vector<UpstreamRoot>;
using UpstreamKeys = std::vector<UpstreamKey>;

struct MintedX509Ca {
  std::vector<std::string> chain;  // DER: the CA certificate, then up to below the root
  UpstreamRoots roots;
};

/// As spans, and back.
inline void emit_upstream_roots(const Call& call, const UpstreamRoots& roots) {
  std::vector<signet_upstream_root> spans;
  spans.reserve(roots.size());
  for (const UpstreamRoot& root : roots) {
    spans.push_back(
        {sizeof(signet_upstream_root), root.tainted ? 1u : 0u, bytes_to_abi(root.certificate)});
  }
  call.emit(SIGNET_KIND_UPSTREAM_ROOTS,
            signet_upstream_roots{sizeof(signet_upstream_roots), sizeof(signet_upstream_root),
                                  spans.data(), spans.size()});
}
inline signet_upstream_key to_abi(const UpstreamKey& key) {
  return {sizeof(signet_upstream_key), key.tainted ? 1u : 0u, to_abi(key.key_id),
          bytes_to_abi(key.public_key), key.expires_at};
}
inline UpstreamKey from_abi(const signet_upstream_key& key) {
  return {std::string(view(key.key_id)), std::string(view(key.public_key)), key.expires_at,
          key.tainted != 0};
}
/// kind   SIGNET_KIND_UPSTREAM_JWT_KEYS or SIGNET_KIND_UPSTREAM_WIT_KEYS
inline void emit_upstream_keys(const Call& call, std::uint32_t kind, const UpstreamKeys& keys) {
  std::vector<signet_upstream_key> spans;
  spans.reserve(keys.size());
  for (const UpstreamKey& key : keys) spans.push_back(to_abi(key));
  call.emit(kind, signet_upstream_keys{sizeof(signet_upstream_keys), sizeof(signet_upstream_key),
                                       spans.data(), spans.size()});
}

// The calls that follow an upstream's roots and keys. Each is told of what it has not seen yet:
// nothing is lost between an answer and the news after it. Thread-safe; emits without its lock.
class UpstreamFeed {
 public:
  enum What : unsigned { kRoots = 1, kJwtKeys = 2, kWitKeys = 4 };

  UpstreamFeed() = default;
  UpstreamFeed(const UpstreamFeed&) = delete;
  UpstreamFeed& operator=(const UpstreamFeed&) = delete;
  ~UpstreamFeed() { close(); }

  void set_roots(UpstreamRoots roots) { set(roots_, std::move(roots)); }
  void set_jwt_keys(UpstreamKeys keys) { set(jwt_keys_, std::move(keys)); }
  void set_wit_keys(UpstreamKeys keys) { set(wit_keys_, std::move(keys)); }
  /// Does anybody want to know? A plugin that polls may rest while nobody does.
  bool followed() const {
    const std::lock_guard lock(mutex_);
    return !followers_.empty();
  }

  /// Tells `call` of what is known, and of every change until it is cancelled. Its function
  /// returns what this returns.
  signet_status follow(signet_call* call, unsigned what) {
    const auto follower = std::make_shared<Follower>(*this, call, what);
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return call->ops->fail(call, SIGNET_UNAVAILABLE, to_abi(kStopping));
      followers_.push_back(follower);
    }
    call->ops->on_cancel(call, &UpstreamFeed::on_cancel, follower.get());
    tell(follower);
    return SIGNET_PENDING;
  }

  /// Ends all calls; later ones are refused until open().
  void close() {
    std::vector<FollowerPtr> all;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      all = followers_;
    }
    for (const FollowerPtr& follower : all) end(follower, SIGNET_UNAVAILABLE);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
  }

 private:
  static constexpr std::string_view kStopping = "the upstream authority plugin is stopping";

  template <typename List>
  struct Known {
    std::shared_ptr<const List> list;
    std::uint64_t version = 0;
  };
  struct Follower : std::enable_shared_from_this<Follower> {
    Follower(UpstreamFeed& owner, signet_call* c, unsigned w) : feed(owner), call(c), what(w) {}
    UpstreamFeed& feed;
    signet_call* const call;
    const unsigned what;
    // Under the feed's lock:
    std::uint64_t roots_seen = 0, jwt_keys_seen = 0, wit_keys_seen = 0;
    bool telling = false;  // some thread emits; it looks again before it leaves
    bool ended = false;    // completed, or to be completed by the thread that emits
    signet_status code = SIGNET_OK;
  };
  using FollowerPtr = std::shared_ptr<Follower>;

  template <typename List>
  void set(Known<List>& known, List list) {
    std::vector<FollowerPtr> all;
    {
      const std::lock_guard lock(mutex_);
      if (known.list && *known.list == list) return;
      known.list = std::make_shared<const List>(std::move(list));
      ++known.version;
      all = followers_;
    }
    for (const FollowerPtr& follower : all) tell(follower);
  }

  // The list, unless it is not wanted or was seen in this version.
  template <typename List>
  static std::shared_ptr<const List> news(const Known<List>& known, unsigned wanted,
                                          std::uint64_t& seen) {
    if (wanted == 0 || seen == known.version) return nullptr;
    seen = known.version;
    return known.list;
  }

  void tell(const FollowerPtr& follower) {
    std::unique_lock lock(mutex_);
    if (follower->telling || follower->ended) return;
    follower->telling = true;
    while (!follower->ended) {
      const auto roots = news(roots_, follower->what & kRoots, follower->roots_seen);
      const auto jwt = news(jwt_keys_, follower->what & kJwtKeys, follower->jwt_keys_seen);
      const auto wit = news(wit_keys_, follower->what & kWitKeys, follower->wit_keys_seen);
      if (!roots && !jwt && !wit) break;
      lock.unlock();
      const Call call(follower->call);
      if (roots) emit_upstream_roots(call, *roots);
      if (jwt) emit_upstream_keys(call, SIGNET_KIND_UPSTREAM_JWT_KEYS, *jwt);
      if (wit) emit_upstream_keys(call, SIGNET_KIND_UPSTREAM_WIT_KEYS, *wit);
      lock.lock();
    }
    follower->telling = false;
    const bool complete = follower->ended;
    lock.unlock();
    if (complete) follower->call->ops->complete(follower->call, follower->code);
  }

  static void on_cancel(void* arg) {
    // The call is not complete yet, so its follower is still on the list.
    auto& follower = *static_cast<Follower*>(arg);
    follower.feed.end(follower.shared_from_this(), SIGNET_CANCELLED);
  }
  void end(const FollowerPtr& follower, signet_status code) {
    {
      const std::lock_guard lock(mutex_);
      if (follower->ended) return;
      follower->ended = true;
      follower->code = code;
      std::erase(followers_, follower);
      if (follower->telling) return;  // that thread completes it
    }
    follower->call->ops->complete(follower->call, code);
  }

  mutable std::mutex mutex_;
  bool closed_ = false;
  Known<UpstreamRoots> roots_;
  Known<UpstreamKeys> jwt_keys_;
  Known<UpstreamKeys> wit_keys_;
  std::vector<FollowerPtr> followers_;
};

// What an upstream authority plugin implements, besides Plugin. Concurrent; each may block for up
// to a minute.
class UpstreamAuthority {
 public:
  virtual ~UpstreamAuthority() = default;
  /// csr   DER; ttl_s   seconds, 0: the upstream's own
  virtual Result<MintedX509Ca> mint_x509(std::string_view csr, std::int64_t ttl_s) = 0;
  /// All keys there are, the new one among them.
  virtual Result<UpstreamKeys> publish_jwt_key(const UpstreamKey&) {
    return Status::unimplemented("this upstream authority does not publish JWT keys");
  }
  virtual Result<UpstreamKeys> publish_wit_key(const UpstreamKey&) {
    return Status::unimplemented("this upstream authority does not publish WIT keys");
  }
  /// Asks what there is and tells feed().
  virtual Status refresh() = 0;

  UpstreamFeed& feed() { return feed_; }

 private:
  UpstreamFeed feed_;
};

/// The C table of T, a class that derives from Plugin and UpstreamAuthority.
template <typename T>
const signet_upstream_authority* upstream_authority_table() {
  // Runs fn; if that went well, the call goes on as one that follows.
  static constexpr auto kThenFollow = [](signet_instance* i, signet_call* c, unsigned what,
                                         auto&& fn) -> signet_status {
    const signet_status code = guarded(c, fn);
    if (code != SIGNET_OK) return code;
    try {
      return plugin_cast<T>(i).feed().follow(c, what);
    } catch (...) {
      return SIGNET_INTERNAL;
    }
  };
  static const signet_upstream_authority kTable = {
      sizeof(signet_upstream_authority),
      0,
      [](signet_instance* i, signet_call* c, const signet_mint_x509_req* request) {
        return kThenFollow(i, c, UpstreamFeed::kRoots, [&]() -> Status {
          T& plugin = plugin_cast<T>(i);
          SIGNET_TRY(MintedX509Ca minted,
                     plugin.mint_x509(view(request->csr), request->preferred_ttl_s));
          std::vector<signet_bytes> spans;
          for (const std::string& der : minted.chain) spans.push_back(bytes_to_abi(der));
          Call(c).emit(SIGNET_KIND_X509_CA_CHAIN,
                       signet_upstream_x509_chain{sizeof(signet_upstream_x509_chain), 0,
                                                  spans.data(), spans.size()});
          plugin.feed().set_roots(std::move(minted.roots));
          return {};
        });
      },
      [](signet_instance* i, signet_call* c, const signet_upstream_key* key) {
        return kThenFollow(i, c, UpstreamFeed::kJwtKeys, [&]() -> Status {
          T& plugin = plugin_cast<T>(i);
          SIGNET_TRY(UpstreamKeys keys, plugin.publish_jwt_key(from_abi(*key)));
          plugin.feed().set_jwt_keys(std::move(keys));
          return {};
        });
      },
      [](signet_instance* i, signet_call* c) {
        return kThenFollow(i, c,
                           UpstreamFeed::kRoots | UpstreamFeed::kJwtKeys | UpstreamFeed::kWitKeys,
                           [&]() -> Status { return plugin_cast<T>(i).refresh(); });
      },
      [](signet_instance* i, signet_call* c, const signet_upstream_key* key) {
        return kThenFollow(i, c, UpstreamFeed::kWitKeys, [&]() -> Status {
          T& plugin = plugin_cast<T>(i);
          SIGNET_TRY(UpstreamKeys keys, plugin.publish_wit_key(from_abi(*key)));
          plugin.feed().set_wit_keys(std::move(keys));
          return {};
        });
      }};
  return &kTable;
}

// The upstream authority of the caller's scope. Calls block: from a worker only.
class UpstreamAuthorityClient {
 public:
  using OnRoots = std::function<void(UpstreamRoots)>;
  using OnKeys = std::function<void(UpstreamKeys)>;
  // What a stream tells of. Called one at a time, on the plugin's threads. Any may be empty.
  struct Listener {
    OnRoots on_roots = nullptr;
    OnKeys on_jwt_keys = nullptr;
    OnKeys on_wit_keys = nullptr;
    // Not for an error that the call itself returned.
    std::function<void(const Status&)> on_end = nullptr;
  };

  static Result<UpstreamAuthorityClient> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_upstream_authority>::acquire(
                                host, SIGNET_UPSTREAM_AUTHORITY, name));
    return UpstreamAuthorityClient(std::move(handle));
  }

  /// The answer; after it `stream` tells of every change of the roots, until it is stopped.
  Result<MintedX509Ca> mint_x509(ServiceStream& stream, std::string_view csr, std::int64_t ttl_s,
                                 Listener listener) const {
    const signet_mint_x509_req request = {sizeof(signet_mint_x509_req), 0, bytes_to_abi(csr),
                                          ttl_s};
    SIGNET_TRY(
        const Answer answer,
        run(stream, SIGNET_KIND_X509_CA_CHAIN, SIGNET_KIND_UPSTREAM_ROOTS, std::move(listener),
            [&](const auto& api, auto* i, auto* c) { return api.mint_x509(i, c, &request); }));
    return MintedX509Ca{answer.chain, answer.roots};
  }
  /// All keys there are; after it `stream` tells of every change.
  Result<UpstreamKeys> publish_jwt_key(ServiceStream& stream, const UpstreamKey& key,
                                       Listener listener) const {
    return publish(
        stream, SIGNET_KIND_UPSTREAM_JWT_KEYS, key, std::move(listener), [](const auto& api) {
          return SIGNET_HAS(&api, signet_upstream_authority, publish_jwt_key) ? api.publish_jwt_key
                                                                              : nullptr;
        });
  }
  Result<UpstreamKeys> publish_wit_key(ServiceStream& stream, const UpstreamKey& key,
                                       Listener listener) const {
    return publish(
        stream, SIGNET_KIND_UPSTREAM_WIT_KEYS, key, std::move(listener), [](const auto& api) {
          return SIGNET_HAS(&api, signet_upstream_authority, publish_wit_key) ? api.publish_wit_key
                                                                              : nullptr;
        });
  }
  /// The roots; after it `stream` tells of every change of roots and keys. Keys that are known
  /// already come to the listener, too.
  Result<UpstreamRoots> subscribe(ServiceStream& stream, Listener listener) const {
    SIGNET_TRY(
        const Answer answer,
        run(stream, SIGNET_KIND_UPSTREAM_ROOTS, SIGNET_KIND_UPSTREAM_ROOTS, std::move(listener),
            [](const auto& api, auto* i, auto* c) { return api.subscribe(i, c); }));
    return answer.roots;
  }

 private:
  struct Answer {
    std::vector<std::string> chain;
    UpstreamRoots roots;
    UpstreamKeys keys;
  };
  struct State {  // shared with the stream's callbacks
    std::mutex mutex;
    std::condition_variable changed;
    Listener listener;
    Answer answer;
    unsigned missing = 0;  // kinds that the answer still lacks, a bit each
    bool ended = false;
    Status status;
  };

  explicit UpstreamAuthorityClient(ServiceHandle<signet_upstream_authority> handle)
      : handle_(std::move(handle)) {}

  static unsigned bit(std::uint32_t kind) { return kind < 8 ? 1u << kind : 0u; }

  // True while the call waits for its answer; what comes then is the answer's, not the listener's.
  template <typename Store>
  static bool answers(State& state, std::uint32_t kind, Store&& store) {
    const std::lock_guard lock(state.mutex);
    if ((state.missing & bit(kind)) == 0) return false;
    store(state.answer);
    state.missing &= ~bit(kind);
    if (state.missing == 0) state.changed.notify_all();
    return true;
  }
  static void emitted(State& state, std::uint32_t kind, const void* msg) {
    if (kind == SIGNET_KIND_X509_CA_CHAIN) {
      const auto& chain = *static_cast<const signet_upstream_x509_chain*>(msg);
      answers(state, kind, [&](Answer& answer) {
        for (std::size_t n = 0; n < chain.count; ++n) {
          answer.chain.emplace_back(view(chain.certificates[n]));
        }
      });
    } else if (kind == SIGNET_KIND_UPSTREAM_ROOTS) {
      const auto& list = *static_cast<const signet_upstream_roots*>(msg);
      UpstreamRoots roots;
      for (std::size_t n = 0; n < list.count; ++n) {
        const auto& root = *at(list.roots, n, list.root_size);
        roots.push_back({std::string(view(root.certificate)), root.tainted != 0});
      }
      if (answers(state, kind, [&](Answer& answer) { answer.roots = std::move(roots); })) return;
      if (state.listener.on_roots) state.listener.on_roots(std::move(roots));
    } else if (kind == SIGNET_KIND_UPSTREAM_JWT_KEYS || kind == SIGNET_KIND_UPSTREAM_WIT_KEYS) {
      const auto& list = *static_cast<const signet_upstream_keys*>(msg);
      UpstreamKeys keys;
      for (std::size_t n = 0; n < list.count; ++n) {
        keys.push_back(from_abi(*at(list.keys, n, list.key_size)));
      }
      if (answers(state, kind, [&](Answer& answer) { answer.keys = std::move(keys); })) return;
      const auto& tell = kind == SIGNET_KIND_UPSTREAM_JWT_KEYS ? state.listener.on_jwt_keys
                                                               : state.listener.on_wit_keys;
      if (tell) tell(std::move(keys));
    }
  }
  template <typename T>
  static const T* at(const T* array, std::size_t n, std::uint32_t stride) {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(array) + n * stride);
  }

  // function_of   the plugin's function, null when it has none
  template <typename FunctionOf>
  Result<UpstreamKeys> publish(ServiceStream& stream, std::uint32_t kind, const UpstreamKey& key,
                               Listener listener, FunctionOf function_of) const {
    const signet_upstream_key request = to_abi(key);
    SIGNET_TRY(const Answer answer, run(stream, kind, kind, std::move(listener),
                                        [&](const auto& api, auto* i, auto* c) -> signet_status {
                                          const auto function = function_of(api);
                                          return function == nullptr ? SIGNET_UNIMPLEMENTED
                                                                     : function(i, c, &request);
                                        }));
    return answer.keys;
  }

  template <typename Fn>
  Result<Answer> run(ServiceStream& stream, std::uint32_t first, std::uint32_t second,
                     Listener listener, Fn&& fn) const {
    const auto state = std::make_shared<State>();
    state->listener = std::move(listener);
    state->missing = bit(first) | bit(second);
    SIGNET_RETURN_IF_ERROR(stream.start(
        handle_,
        [state](std::uint32_t kind, const void* msg, std::size_t) { emitted(*state, kind, msg); },
        [state](const Status& status) {
          bool answered = false;
          {
            const std::lock_guard lock(state->mutex);
            state->ended = true;
            state->status = status;
            answered = state->missing == 0;
            state->changed.notify_all();
          }
          if (answered && state->listener.on_end) state->listener.on_end(status);
        },
        std::forward<Fn>(fn)));
    std::unique_lock lock(state->mutex);
    state->changed.wait_for(lock, kTimeout, [&] { return state->missing == 0 || state->ended; });
    if (state->missing == 0) return std::move(state->answer);
    const bool ended = state->ended;
    Status status = state->status;
    lock.unlock();
    stream.stop();
    if (!ended) return Status::unavailable("the upstream authority plugin does not answer");
    if (status.ok()) return Status::internal("the upstream authority plugin gave no answer");
    return status;
  }

  static constexpr std::chrono::seconds kTimeout{90};
  ServiceHandle<signet_upstream_authority> handle_;
};

}  // namespace signet
