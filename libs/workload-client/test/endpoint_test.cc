#include "workload_client/endpoint.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace signet::workload_client {
namespace {

// Rule 45: unix has an absolute path and nothing else, tcp an IP and a port and nothing else.
TEST(Conformance, Rule45_EndpointUris) {
  EXPECT_EQ(endpoint_target("unix:///run/agent.sock").value(), "unix:/run/agent.sock");
  EXPECT_EQ(endpoint_target("unix:/run/agent.sock").value(), "unix:/run/agent.sock");
  EXPECT_EQ(endpoint_target("tcp://127.0.0.1:8000").value(), "ipv4:127.0.0.1:8000");
  EXPECT_EQ(endpoint_target("tcp://[::1]:8000").value(), "ipv6:[::1]:8000");
  for (const char* bad :
       {"", "unix:", "unix://", "unix:relative", "unix://host/run/a", "unix:///a?x=1",
        "unix:///a#f", "unix:///", "tcp://127.0.0.1", "tcp://localhost:80", "tcp://127.0.0.1:80/",
        "tcp://u@127.0.0.1:80", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp:127.0.0.1:80",
        "http://127.0.0.1:80", "/run/agent.sock"}) {
    EXPECT_EQ(endpoint_target(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(Endpoint, TheEnvironmentNamesIt) {
  unsetenv("SPIFFE_ENDPOINT_SOCKET");
  EXPECT_EQ(endpoint_from_environment().status().code(), Code::kFailedPrecondition);
  setenv("SPIFFE_ENDPOINT_SOCKET", "", 1);
  EXPECT_EQ(endpoint_from_environment().status().code(), Code::kFailedPrecondition);
  setenv("SPIFFE_ENDPOINT_SOCKET", "unix:///run/agent.sock", 1);
  EXPECT_EQ(endpoint_from_environment().value(), "unix:/run/agent.sock");
  setenv("SPIFFE_ENDPOINT_SOCKET", "/run/agent.sock", 1);
  EXPECT_EQ(endpoint_from_environment().status().code(), Code::kInvalidArgument);
  unsetenv("SPIFFE_ENDPOINT_SOCKET");
}

}  // namespace
}  // namespace signet::workload_client
