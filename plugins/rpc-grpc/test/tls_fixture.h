// A TLS listener that says who called, for the tests.
#pragma once

#include <memory>
#include <string>

#include "rpc_fixture.h"

namespace signet::test {

class RpcTls : public RpcTest {
 protected:
  RpcTls() : ca_(make_certificate("ca", "", nullptr)) {
    server_.mine = make_certificate("server", "spiffe://test/server", &ca_);
    client_.mine = make_certificate("client", "spiffe://test/client", &ca_);
  }

  std::unique_ptr<RpcListener> serve(
      const std::string& options = R"({"tls":true,"client_certificate":"asked"})") {
    auto l = RpcListener::create(host_, "tcp:127.0.0.1:0", options, &server_);
    EXPECT_TRUE(l.ok()) << l.status().to_string();
    if (!l.ok()) return nullptr;
    const Status added =
        (*l)->unary<Raw, Raw>("/t.T/Who", [](ServerCall& call, const Raw&) -> Result<Raw> {
          return Raw{"id=" + std::string(view(call.peer().id)) +
                     " chain=" + std::to_string(call.peer().chain_len) +
                     " address=" + std::string(view(call.peer().address)) +
                     " user=" + (call.peer().user ? "1" : "0")};
        });
    EXPECT_TRUE(added.ok());
    const Status s = (*l)->serve();
    EXPECT_TRUE(s.ok()) << s.to_string();
    return std::move(l).value();
  }
  Result<Raw> who(RpcConnection& c) { return c.call<Raw>("/t.T/Who", Raw{"?"}, soon()); }

  Certified ca_;
  FakeAcceptor server_;
  FakeAcceptor client_;
};

}  // namespace signet::test
