// Hostile input: the bytes of one connection to the HTTP/2 server, and of the details that a server
// sends with a status.
//
// The real connection runs on a real loop over a socket pair; an echo method answers on the
// loop's thread, one that waits never does. Each input is over when the connection has ended.
// Callers whose input has an odd size are not known when they call.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unistd.h>

#include <sys/socket.h>

#include "../../plugins/rpc-grpc/src/h2_connection.h"
#include "../../plugins/rpc-grpc/src/status_details.h"
#include "../../plugins/rpc-grpc/src/stream.h"
#include "../../plugins/rpc-grpc/test/test_host.h"

namespace signet::rpc_grpc {

// In place of runtime.cc: this program has no gRPC threads and no listener.
test::TestHost& host() {
  static auto* instance = new test::TestHost(1);
  return *instance;
}
const signet_host_blob* blob_api() {
  static const auto* api = host().host().service<signet_host_blob>(SIGNET_HOST_BLOB);
  return api;
}

namespace {

signet_status open_call(void* self, signet_rpc_stream* s, const signet_rpc_peer*, void** st) {
  Stream::from_abi(s)->read();
  *st = self;
  return SIGNET_OK;
}
void echo(void*, signet_rpc_stream* s, signet_bytes bytes) {
  Stream* stream = Stream::from_abi(s);
  signet_blob* answer = nullptr;
  blob_api()->create(host().abi(), bytes, 0, &answer);
  if (bytes.len > 3 || stream->write(answer) != SIGNET_OK) {
    return stream->finish(answer, SIGNET_OK, {}, {});
  }
  stream->read();
}
void half_close(void*, signet_rpc_stream* s) {
  Stream::from_abi(s)->finish(nullptr, SIGNET_ABORTED, to_abi(std::string_view("the end")), {});
}
void done(void*, signet_rpc_stream*, signet_status, signet_str, signet_bytes) {}

class Service final : public H2Service {
 public:
  const Owner& owner() const override { return owner_; }
  const ServerOptions& options() const override { return options_; }
  const H2Settings& settings() const override { return settings_; }
  const Method* find_method(const std::string& path) const override {
    return path == "/a/b" ? &echo_ : path == "/a/w" ? &wait_ : nullptr;
  }
  std::string unknown_method_words(const std::string& path) const override { return path; }
  Status know_peer(Connection& connection) override {
    connection.known = connection.peer->abi.pid % 2 == 0;
    return connection.known ? Status() : Status::unavailable("the caller is gone");
  }
  bool identified(const ConnectionPtr&) override { return true; }
  void call_began() override {}
  void call_ended() override {}
  void connection_ended(const ConnectionPtr&) override {
    std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }
  void wait_for_end(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ >= count; });
  }

 private:
  const signet_rpc_handler echo_handler_ = {
      sizeof echo_handler_, SIGNET_RPC_INLINE, &open_call, &echo, &half_close, nullptr, &done};
  const signet_rpc_handler wait_handler_ = {
      sizeof wait_handler_, SIGNET_RPC_INLINE, &open_call, nullptr, nullptr, nullptr, &done};
  const Method echo_{"/a/b", &echo_handler_, nullptr};
  const Method wait_{"/a/w", &wait_handler_, nullptr};
  const Owner owner_{host().abi()};
  const ServerOptions options_{.max_message = 1000, .max_streams = 4};
  const H2Settings settings_ = [] {
    H2Settings s{.max_streams = 4};
    s.bytes = h2_greeting(s);
    return s;
  }();
  std::mutex mutex_;
  std::condition_variable changed_;
  int ended_ = 0;
};

}  // namespace
}  // namespace signet::rpc_grpc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::rpc_grpc;  // NOLINT: a function, not a header
  static const auto service = std::make_shared<Service>();
  static auto* loop = [] {
    auto* l = new H2Loop;
    if (!l->start(host().host()).ok()) std::abort();
    return l;
  }();
  static int runs = 0;
  if (first_detail({reinterpret_cast<const char*>(data), size}).size() > size) std::abort();
  int pair[2];
  if (size > 100'000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return 0;
  auto connection = std::make_shared<Connection>(nullptr, nullptr);
  connection->socket = pair[0];
  connection->known = false;
  connection->peer->abi.pid = static_cast<int32_t>(size);
  loop->run([&] { loop->add(std::make_unique<H2Connection>(loop, service, connection)); });
  connection.reset();
  [[maybe_unused]] const ssize_t n = send(pair[1], data, size, MSG_NOSIGNAL);
  shutdown(pair[1], SHUT_WR);
  service->wait_for_end(++runs);
  close(pair[1]);
  return 0;
}
