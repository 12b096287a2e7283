// The transport over a test host, and what the tests talk through.
#pragma once

#include <chrono>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "signet/rpc.h"

#include "runtime.h"
#include "test_host.h"

namespace signet::test {

using namespace std::chrono_literals;

// A message without protobuf.
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

inline TestHost& test_host() {
  static TestHost* host = [] {
    auto* h = new TestHost(6, /*keep_log=*/true);
    h->rpc = rpc_grpc::rpc_table();
    EXPECT_TRUE(rpc_grpc::start_runtime(h->host()).ok());
    return h;
  }();
  return *host;
}

class RpcTest : public testing::Test {
 protected:
  RpcTest() : host_(test_host().host()) {
    char name[] = "/tmp/rpc-grpc-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~RpcTest() override {
    std::filesystem::remove_all(folder_);
    if (HasFailure()) {
      for (const std::string& line : test_host().log())
        std::fprintf(stderr, "log: %s\n", line.c_str());
    }
  }

  int64_t soon() const { return host_.deadline_in(10s); }
  std::string socket() const { return folder_ + "/run/api.sock"; }
  std::string uri() const { return "unix:" + socket(); }

  std::unique_ptr<RpcListener> listen(const std::string& options = "{}",
                                      RpcAcceptor* acceptor = nullptr) {
    auto l = RpcListener::create(host_, uri(), options, acceptor);
    EXPECT_TRUE(l.ok()) << l.status().to_string();
    return l.ok() ? std::move(l).value() : nullptr;
  }
  std::unique_ptr<RpcConnection> connect(const std::string& to, const std::string& options = "{}",
                                         RpcAcceptor* acceptor = nullptr) {
    auto c = RpcConnection::create(host_, to, options, acceptor);
    EXPECT_TRUE(c.ok()) << c.status().to_string();
    return c.ok() ? std::move(c).value() : nullptr;
  }
  std::unique_ptr<RpcConnection> connect() { return connect(uri()); }

  template <typename F>
  static bool eventually(F&& condition, std::chrono::seconds limit = 10s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  Host host_;
  std::string folder_;
};

// The same test over both servers of a Unix socket: our own (true) and gRPC's.
class BothServersTest : public RpcTest, public testing::WithParamInterface<bool> {
 protected:
  BothServersTest() {
    test_host();
    rpc_grpc::runtime().own_http2 = GetParam();
  }
  ~BothServersTest() override { rpc_grpc::runtime().own_http2 = true; }
};
inline std::string server_name(const testing::TestParamInfo<bool>& info) {
  return info.param ? "Own" : "Grpc";
}

}  // namespace signet::test
