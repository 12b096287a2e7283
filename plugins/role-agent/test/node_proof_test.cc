#include "node_proof.h"

#include <gtest/gtest.h>

#include "signet/abi/node_attestor.h"

#include "test_host.h"

namespace signet::agent::test {
namespace {

// An attestor whose sessions cannot be opened, with this code.
class Closed {
 public:
  explicit Closed(signet_status code) : code_(code) {}
  signet_instance* instance() { return reinterpret_cast<signet_instance*>(this); }
  static const signet_node_attestor_agent* table() {
    static constexpr signet_node_attestor_agent kTable = {
        sizeof(signet_node_attestor_agent), 0,
        [](signet_instance* i, signet_call* c, signet_session**) {
          return c->ops->fail(c, reinterpret_cast<Closed*>(i)->code_,
                              to_abi(std::string_view("not today")));
        },
        nullptr, nullptr};
    return &kTable;
  }

 private:
  signet_status code_;
};

TEST(NodeProof, WithoutAnAttestorWaitingDoesNotHelp) {
  TestHost host;
  EXPECT_EQ(open_node_proof(host.host(), false).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(open_node_proof(host.host(), true).status().code(), Code::kFailedPrecondition);
}

TEST(NodeProof, WrongSettingsAreToldFromAnAttestorThatIsNotReadyYet) {
  Closed wrong(SIGNET_INVALID_ARGUMENT);
  Closed busy(SIGNET_UNAVAILABLE);
  TestHost host;
  host.offer(SIGNET_NODE_ATTESTOR_AGENT, "k8s_psat", busy.instance(), Closed::table());
  host.offer(SIGNET_NODE_ATTESTOR_AGENT, "join_token", wrong.instance(), Closed::table());
  const auto later = open_node_proof(host.host(), false).status();
  EXPECT_EQ(later.code(), Code::kUnavailable);
  EXPECT_EQ(later.message(), "node attestor \"k8s_psat\": not today");
  const auto never = open_node_proof(host.host(), true).status();
  EXPECT_EQ(never.code(), Code::kFailedPrecondition);
  EXPECT_EQ(never.message(), "node attestor \"join_token\": not today");
}

}  // namespace
}  // namespace signet::agent::test
