// Measures the transport: unary calls per CPU second of the server, resident memory per open
// stream (one connection each, and many on one), and CPU per connection.
//
//   rpc-grpc-bench unary|streams|shared|connects [COUNT] [unix|tcp|tls]
//
// With TLS both sides show a certificate of an EC key; nobody checks it, so the cost of a chain's
// check is not in the figures.
//
// The server is a child process of its own, so its figures hold nothing of the client's.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <signal.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include "signet/rpc.h"

#include "client.h"
#include "pki.h"
#include "runtime.h"
#include "test_host.h"

namespace {

using namespace signet;

// A message without protobuf: bytes.
struct Raw {
  std::string bytes;
  std::size_t ByteSizeLong() const { return bytes.size(); }
  void SerializeWithCachedSizesToArray(uint8_t* out) const {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  bool ParseFromArray(const void* data, int n) {
    bytes.assign(static_cast<const char*>(data), static_cast<std::size_t>(n));
    return true;
  }
};

long status_kib(pid_t pid, const char* key) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::atol(line.c_str() + std::strlen(key) + 1);
  }
  return 0;
}

double cpu_s(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/schedstat");
  double total = 0;
  // Sum over the threads: the file of the process is only its main thread's.
  const std::string dir = "/proc/" + std::to_string(pid) + "/task";
  FILE* p = popen(("cat " + dir + "/*/schedstat").c_str(), "r");
  double run = 0, wait = 0;
  long slices = 0;
  while (fscanf(p, "%lf %lf %ld", &run, &wait, &slices) == 3) total += run / 1e9;
  pclose(p);
  return total;
}

// Raw handlers, so that what is measured is the transport and not the layer above.
const signet_host_rpc* g_api;
signet_blob* g_answer;
signet_status open_call(void*, signet_rpc_stream* s, const signet_rpc_peer*, void**) {
  g_api->read(s);
  return SIGNET_OK;
}
void unary_message(void*, signet_rpc_stream* s, signet_bytes) {
  rpc_grpc::blob_api()->ref(g_answer);
  g_api->finish(s, g_answer, SIGNET_OK, {}, {});
}
void stream_message(void*, signet_rpc_stream* s, signet_bytes) {
  rpc_grpc::blob_api()->ref(g_answer);
  g_api->write(s, g_answer);
}
void done(void*, signet_rpc_stream*, signet_status, signet_str, signet_bytes) {}

class Anybody final : public RpcAcceptor {
 public:
  explicit Anybody(const Host& host)
      : host_(host), mine_(test::make_certificate("bench", "spiffe://bench/me", nullptr)) {}
  Result<RpcIdentity> identity() override {
    RpcIdentity identity;
    identity.chain = {mine_.der};
    identity.key = host_.secret(mine_.pkcs8);
    return identity;
  }
  Result<RpcVerdict> verify(const RpcPeer&) override { return RpcVerdict{}; }

 private:
  const Host host_;
  const test::Certified mine_;
};

int serve(const std::string& uri, bool tls, int ready, int stop) {
  test::TestHost host(2);
  g_api = rpc_grpc::rpc_table();
  host.rpc = g_api;
  if (!rpc_grpc::start_runtime(host.host()).ok()) return 1;
  g_answer = host.host().blob(std::string(2000, 'a')).release();
  Anybody anybody(host.host());
  const std::string options =
      R"({"max_connections":100000,"max_connections_per_ip":100000,"max_streams":100000)" +
      std::string(tls ? R"(,"tls":true,"client_certificate":"asked"})" : "}");
  auto listener = RpcListener::create(host.host(), uri, options, tls ? &anybody : nullptr);
  if (!listener) return 2;
  uint64_t id = 1;
  static const signet_rpc_handler kUnary = {
      sizeof kUnary, SIGNET_RPC_INLINE, &open_call, &unary_message, nullptr, nullptr, &done};
  static const signet_rpc_handler kStream = {
      sizeof kStream, SIGNET_RPC_INLINE | SIGNET_RPC_SERVER_STREAM,
      &open_call,     &stream_message,
      nullptr,        nullptr,
      &done};
  g_api->handle(host.abi(), id, to_abi(std::string_view("/b.B/Unary")), &kUnary, nullptr);
  g_api->handle(host.abi(), id, to_abi(std::string_view("/b.B/Stream")), &kStream, nullptr);
  if (const Status s = (*listener)->serve(); !s.ok()) {
    std::cerr << s.to_string() << "\n";
    return 3;
  }
  const std::string& address = (*listener)->address();
  [[maybe_unused]] ssize_t n = write(ready, address.data(), address.size());
  char c;
  n = read(stop, &c, 1);
  _exit(0);
}

struct Counter {
  std::mutex mutex;
  std::condition_variable changed;
  long messages = 0, ended = 0;
};
Counter counter;
void client_message(void*, signet_rpc_stream*, signet_bytes) {
  std::lock_guard lock(counter.mutex);
  ++counter.messages;
  counter.changed.notify_all();
}
void client_done(void*, signet_rpc_stream*, signet_status code, signet_str message, signet_bytes) {
  if (code != SIGNET_OK && code != SIGNET_CANCELLED)
    std::cerr << "call failed: " << code << " " << view(message) << "\n";
  std::lock_guard lock(counter.mutex);
  ++counter.ended;
  counter.changed.notify_all();
}
const signet_rpc_handler kClient = {sizeof kClient, SIGNET_RPC_INLINE, nullptr,     &client_message,
                                    nullptr,        nullptr,           &client_done};

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "unary";
  const long count = argc > 2 ? std::atol(argv[2]) : mode == "unary" ? 100'000 : 1000;
  char dir[] = "/tmp/rpc-bench-XXXXXX";
  if (!mkdtemp(dir)) return 1;
  const std::string path = std::string(dir) + "/s.sock";
  int ready[2], stop[2];
  if (pipe(ready) || pipe(stop)) return 1;
  const std::string transport = argc > 3 ? argv[3] : "unix";
  const bool tls = transport == "tls";
  std::string uri = transport == "unix" ? "unix:" + path : "tcp:127.0.0.1:0";
  const pid_t child = fork();
  if (child == 0) return serve(uri, tls, ready[1], stop[0]);
  char address[200];
  const ssize_t size = read(ready[0], address, sizeof address);
  if (size <= 0) return 1;
  uri.assign(address, static_cast<std::size_t>(size));

  test::TestHost host(2);
  if (!rpc_grpc::start_runtime(host.host()).ok()) return 1;
  g_api = rpc_grpc::rpc_table();
  const auto call = [&](signet_rpc_conn* conn, const char* method) {
    signet_rpc_stream* s = nullptr;
    g_api->call(conn, to_abi(std::string_view(method)), INT64_MAX, nullptr, 0, &kClient, nullptr,
                host.host().blob(std::string("request")).release(), &s);
    g_api->read(s);
  };
  Anybody anybody(host.host());
  const auto connect = [&] {
    signet_rpc_conn* conn = nullptr;
    const std::string_view options = tls ? R"({"tls":true})" : "{}";
    g_api->connect(host.abi(), to_abi(uri), bytes_to_abi(options),
                   tls ? RpcAcceptor::table() : nullptr, &anybody, &conn);
    return conn;
  };
  const auto wait = [&](long Counter::*what, long n) {
    std::unique_lock lock(counter.mutex);
    counter.changed.wait(lock, [&] { return counter.*what >= n; });
  };

  auto* conn = connect();
  for (int i = 1; i <= 50; ++i) {  // warm
    call(conn, "/b.B/Unary");
    wait(&Counter::ended, i);
  }
  counter.ended = counter.messages = 0;
  const double cpu = cpu_s(child);
  const long rss = status_kib(child, "VmRSS:");
  const auto began = std::chrono::steady_clock::now();
  if (mode == "unary") {
    for (long i = 0; i < count; ++i) {
      call(conn, "/b.B/Unary");
      wait(&Counter::ended, i - 31);  // 32 at a time
    }
    wait(&Counter::ended, count);
  } else if (mode == "connects") {
    for (long i = 0; i < count; ++i) {
      auto* one = connect();
      call(one, "/b.B/Unary");
      wait(&Counter::ended, i + 1);
      g_api->hang_up(one);
    }
  } else {
    std::vector<signet_rpc_conn*> conns;
    for (long i = 0; i < count; ++i) {
      if (mode == "streams") conns.push_back(connect());
      call(mode == "streams" ? conns.back() : conn, "/b.B/Stream");
      if (i % 32 == 31) wait(&Counter::messages, i + 1);
    }
    wait(&Counter::messages, count);
    sleep(1);
  }
  const double used = cpu_s(child) - cpu;
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%s %s n=%ld wall=%.2fs server_cpu=%.3fs per_cpu_second=%.0f us_each=%.1f rss_before=%ldKiB "
      "rss_after=%ldKiB kib_each=%.1f\n",
      mode.c_str(), transport.c_str(), count, wall, used, count / used, used * 1e6 / count, rss,
      status_kib(child, "VmRSS:"), static_cast<double>(status_kib(child, "VmRSS:") - rss) / count);
  std::fflush(stdout);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  unlink(path.c_str());
  rmdir(dir);
  _exit(0);
}
