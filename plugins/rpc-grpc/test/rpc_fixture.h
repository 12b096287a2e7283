// The transport over a test host, and what the tests talk through.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "signet/rpc.h"

#include "pki.h"
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

// A limit for what should not take long; longer under sanitizers, which say so.
inline std::chrono::seconds patience() {
  const char* factor = std::getenv("SIGNET_TEST_SLOWNESS");
  return std::chrono::seconds(factor ? 10 * std::max(1L, std::strtol(factor, nullptr, 10)) : 10);
}

class RpcTest : public testing::Test {
 protected:
  RpcTest() : host_(test_host().host()) {
    test_host().forget_log();
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

  int64_t soon() const { return host_.deadline_in(patience()); }
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

  bool logged(std::string_view words) {
    return eventually([&] {
      for (const std::string& line : test_host().log()) {
        if (line.find(words) != line.npos) return true;
      }
      return false;
    });
  }

  template <typename F>
  static bool eventually(F&& condition, std::chrono::seconds limit = patience()) {
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

class FakeAcceptor final : public RpcAcceptor {
 public:
  Result<RpcIdentity> identity() override {
    std::lock_guard lock(mutex);
    ++asked;
    if (!mine.certificate) return Status::not_found("no identity");
    RpcIdentity id;
    id.chain = {mine.der};
    for (const auto& c : intermediates) id.chain.push_back(c);
    if (key_manager.empty()) {
      id.key = test_host().host().secret(mine.pkcs8);
    } else {
      id.key_manager = key_manager;
      id.key_id = "tls";
    }
    return id;
  }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    std::lock_guard lock(mutex);
    ++verified;
    chains.push_back({});
    for (size_t i = 0; i < peer.chain_len; ++i) chains.back().emplace_back(view(peer.chain[i]));
    addresses.emplace_back(view(peer.address));
    if (!refusal.ok()) return refusal;
    RpcVerdict v;
    if (peer.chain_len != 0) v.id = peer_id;
    v.user = new int(1);
    ++live;
    return v;
  }
  void closed(const RpcPeer& peer) override {
    delete static_cast<int*>(peer.user);
    --live;
  }

  std::mutex mutex;
  Certified mine;
  std::vector<std::string> intermediates;
  std::string key_manager;
  Status refusal;
  std::string peer_id = "spiffe://test/peer";
  int asked = 0;
  int verified = 0;
  std::atomic<int> live{0};
  std::vector<std::vector<std::string>> chains;
  std::vector<std::string> addresses;
};

// The same test over every transport.
enum class Transport { kUnix, kTcp, kTls };

class TransportTest : public RpcTest, public testing::WithParamInterface<Transport> {
 protected:
  TransportTest() {
    if (GetParam() != Transport::kTls) return;
    server_.mine = make_certificate("server", "spiffe://test/server", nullptr);
    client_.mine = make_certificate("client", "spiffe://test/client", nullptr);
  }

  std::unique_ptr<RpcListener> listen(const std::string& options = "{}") {
    if (GetParam() == Transport::kUnix) return RpcTest::listen(options);
    std::string all = options;
    if (GetParam() == Transport::kTls)
      all.insert(1, std::string(R"("tls":true,"client_certificate":"asked")") +
                        (options == "{}" ? "" : ","));
    auto l = RpcListener::create(host_, "tcp:127.0.0.1:0", all,
                                 GetParam() == Transport::kTls ? &server_ : nullptr);
    EXPECT_TRUE(l.ok()) << l.status().to_string();
    address_ = l.ok() ? (*l)->address() : "";
    return l.ok() ? std::move(l).value() : nullptr;
  }
  /// Of the last listen().
  std::string address() const { return GetParam() == Transport::kUnix ? uri() : address_; }
  const char* connect_options() const {
    return GetParam() == Transport::kTls ? R"({"tls":true})" : "{}";
  }
  FakeAcceptor* acceptor() { return GetParam() == Transport::kTls ? &client_ : nullptr; }
  std::unique_ptr<RpcConnection> connect() {
    return RpcTest::connect(address(), connect_options(), acceptor());
  }

  FakeAcceptor server_;
  FakeAcceptor client_;

 private:
  std::string address_;
};

inline std::string transport_name(const testing::TestParamInfo<Transport>& info) {
  return info.param == Transport::kUnix ? "Unix" : info.param == Transport::kTcp ? "Tcp" : "Tls";
}
inline auto all_transports() {
  return testing::Values(Transport::kUnix, Transport::kTcp, Transport::kTls);
}

}  // namespace signet::test
