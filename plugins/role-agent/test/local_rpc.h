// LocalRpc: the rpc service's listening side without a transport. A test makes calls on the
// methods that were registered and looks at what was written.
#pragma once

#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <tuple>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "test_host.h"

namespace signet::agent::test {

class LocalRpc {
 public:
  explicit LocalRpc(TestHost& host) : host_(host) {
    host.rpc = table();
    instance() = this;
    peer_.struct_size = sizeof peer_;
    peer_.transport = SIGNET_RPC_UNIX;
    peer_.pid = getpid();
    peer_.pidfd = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
    peer_.uid = getuid();
    peer_.gid = getgid();
    peer_.start_time = start_time();
  }
  LocalRpc(const LocalRpc&) = delete;
  LocalRpc& operator=(const LocalRpc&) = delete;
  ~LocalRpc() {
    close(peer_.pidfd);
    instance() = nullptr;
  }

  // One call, from its first message to its end.
  class Call {
   public:
    std::vector<std::string> messages;  // what the service sent
    bool over = false;
    Code code = Code::kOk;
    std::string words;

    template <typename M>
    M message(std::size_t i) const {
      M m;
      EXPECT_LT(i, messages.size());
      if (i < messages.size()) {
        EXPECT_TRUE(m.ParseFromString(messages[i]));
      }
      return m;
    }
    /// The client goes away.
    void cancel() {
      if (!over) end(Code::kCancelled, "");
    }
    ~Call() { cancel(); }

   private:
    friend class LocalRpc;
    void end(Code c, std::string w) {
      over = true;
      code = c;
      words = std::move(w);
      const auto keep = std::exchange(done, nullptr);
      if (keep) keep(st, abi(), static_cast<signet_status>(c), {}, {});
    }
    signet_rpc_stream* abi() { return reinterpret_cast<signet_rpc_stream*>(this); }
    LocalRpc* rpc = nullptr;
    void* st = nullptr;
    void (*done)(void*, signet_rpc_stream*, signet_status, signet_str, signet_bytes) = nullptr;
    std::multimap<std::string, std::string> headers;
    std::optional<std::tuple<Code, std::string>> finished;
  };

  bool has(const std::string& method) const { return methods_.contains(method); }
  std::vector<std::string> methods() const {
    std::vector<std::string> names;
    for (const auto& [name, method] : methods_) names.push_back(name);
    return names;
  }
  std::string address;
  std::string options;
  bool with_acceptor = false;

  using Headers = std::multimap<std::string, std::string>;
  /// Makes the call and lets everything run that it sets off.
  std::unique_ptr<Call> call(const std::string& name, const std::string& request,
                             Headers headers = {{"workload.spiffe.io", "true"}}) {
    auto call = std::make_unique<Call>();
    call->rpc = this;
    call->headers = std::move(headers);
    const auto found = methods_.find(name);
    if (found == methods_.end()) {
      call->over = true;
      call->code = Code::kUnimplemented;
      return call;
    }
    const signet_rpc_handler& handler = *found->second.first;
    call->done = handler.done;
    if (handler.open(found->second.second, call->abi(), &peer_, &call->st) == SIGNET_OK &&
        !call->finished) {
      handler.message(call->st, call->abi(), bytes_to_abi(request));
    }
    settle(*call);
    return call;
  }
  /// Lets everything run and looks whether the call was finished meanwhile.
  void settle(Call& call) {
    host_.run();
    if (call.finished && !call.over)
      call.end(std::get<0>(*call.finished), std::get<1>(*call.finished));
    host_.run();
  }

 private:
  static LocalRpc*& instance() {
    static LocalRpc* one = nullptr;
    return one;
  }
  static Call& call_of(const signet_rpc_stream* s) {
    return *reinterpret_cast<Call*>(const_cast<signet_rpc_stream*>(s));
  }
  static std::uint64_t start_time() {
    std::ifstream file("/proc/self/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    std::string word;
    for (int field = 3; field <= 22; ++field) rest >> word;
    return std::stoull(word);
  }
  static signet_bytes bytes_of(const signet_blob* blob) {
    Host host = instance()->host_.host();
    return host.service<signet_host_blob>(SIGNET_HOST_BLOB)->bytes(blob);
  }
  static void drop(signet_blob* blob) {
    Host host = instance()->host_.host();
    host.service<signet_host_blob>(SIGNET_HOST_BLOB)->unref(blob);
  }

  static const signet_host_rpc* table() {
    static const signet_host_rpc kTable = [] {
      signet_host_rpc t{};
      t.struct_size = sizeof t;
      t.listen = [](const signet_host*, signet_call*, signet_str uri, signet_bytes options,
                    const signet_rpc_acceptor* acceptor, void*,
                    std::uint64_t* id) -> signet_status {
        instance()->address = view(uri);
        instance()->options = view(options);
        instance()->with_acceptor = acceptor != nullptr;
        *id = 1;
        return SIGNET_OK;
      };
      t.handle = [](const signet_host*, std::uint64_t, signet_str method,
                    const signet_rpc_handler* handler, void* self) -> signet_status {
        instance()->methods_[std::string(view(method))] = {handler, self};
        return SIGNET_OK;
      };
      t.serve = [](const signet_host*, signet_call*, std::uint64_t) -> signet_status {
        return SIGNET_OK;
      };
      t.unlisten = [](const signet_host*, signet_call*, std::uint64_t) -> signet_status {
        instance()->methods_.clear();
        return SIGNET_OK;
      };
      t.read = [](signet_rpc_stream*) {};
      t.write = [](signet_rpc_stream* s, signet_blob* blob) -> signet_status {
        call_of(s).messages.emplace_back(view(bytes_of(blob)));
        drop(blob);
        return SIGNET_OK;
      };
      t.finish = [](signet_rpc_stream* s, signet_blob* last, signet_status code, signet_str words,
                    signet_bytes) {
        Call& call = call_of(s);
        if (last != nullptr) {
          call.messages.emplace_back(view(bytes_of(last)));
          drop(last);
        }
        call.finished = {static_cast<Code>(code), std::string(view(words))};
      };
      t.metadata = [](signet_rpc_stream* s, signet_str key, signet_str* values,
                      std::size_t max) -> std::size_t {
        const auto [from, to] = call_of(s).headers.equal_range(std::string(view(key)));
        std::size_t n = 0;
        for (auto it = from; it != to; ++it, ++n) {
          if (n < max) values[n] = to_abi(std::string_view(it->second));
        }
        return n;
      };
      t.deadline = [](const signet_rpc_stream*) -> std::int64_t { return INT64_MAX; };
      t.cancelled = [](const signet_rpc_stream*) -> std::uint32_t { return 0; };
      t.audit = [](signet_rpc_stream*, signet_str, signet_str) {};
      t.identity_changed = [](const signet_host*, std::uint64_t) -> signet_status {
        return SIGNET_OK;
      };
      return t;
    }();
    return &kTable;
  }

  TestHost& host_;
  signet_rpc_peer peer_{};
  std::map<std::string, std::pair<const signet_rpc_handler*, void*>> methods_;
};

}  // namespace signet::agent::test
