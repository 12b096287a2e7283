#include "server_attestor.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/abi/datastore.h"
#include "signet/testing/fake_host.h"

#include "join_token_plugin.h"

namespace signet::join_token {
namespace {

// Holds join tokens only. What is taken is gone when commit() succeeds, else it is back.
class FakeDatastore {
 public:
  std::map<std::string, std::int64_t> tokens;  // record id -> expires_at
  signet_status take_error = SIGNET_OK;
  signet_status commit_error = SIGNET_OK;

  signet_instance* instance() { return reinterpret_cast<signet_instance*>(this); }
  const signet_datastore* table() {
    static const signet_datastore kTable = [] {
      signet_datastore t{};
      t.struct_size = sizeof(t);
      t.begin = [](signet_instance* i, signet_call*, std::uint32_t mode, signet_tx** out) {
        *out = reinterpret_cast<signet_tx*>(i);
        self(*out).before_ = self(*out).tokens;
        return mode == SIGNET_TX_WRITE ? SIGNET_OK : SIGNET_INTERNAL;
      };
      t.take = [](signet_tx* tx, signet_call* call, signet_str kind, signet_str id) {
        if (self(tx).take_error != SIGNET_OK) return self(tx).take_error;
        auto node = self(tx).tokens.extract(std::string(view(id)));
        if (node.empty() || view(kind) != "join_token") return SIGNET_NOT_FOUND;
        signet_record record{};
        record.struct_size = sizeof(record);
        record.kind = kind;
        record.id = id;
        record.expires_at = node.mapped();
        return call->ops->emit(call, SIGNET_KIND_RECORD, &record, sizeof(record));
      };
      t.commit = [](signet_tx* tx, signet_call*, std::uint64_t* revision) {
        *revision = 1;
        if (self(tx).commit_error != SIGNET_OK) self(tx).tokens = self(tx).before_;
        return self(tx).commit_error;
      };
      t.abort = [](signet_tx* tx) { self(tx).tokens = self(tx).before_; };
      return t;
    }();
    return &kTable;
  }

 private:
  static FakeDatastore& self(signet_tx* tx) { return *reinterpret_cast<FakeDatastore*>(tx); }
  std::map<std::string, std::int64_t> before_;
};

class JoinTokenServer : public testing::Test {
 protected:
  JoinTokenServer() {
    host_.set_wall_seconds(1000);
    host_.offer(SIGNET_DATASTORE, store_.instance(), store_.table());
    store_.tokens[record_id("good")] = 1000;
  }
  Result<ServerStep> attest(std::string_view token) {
    auto session = plugin_.open_server("example.org", "10.0.0.7:4711");
    return (*session)->step(token, INT64_MAX);
  }

  FakeDatastore store_;
  fakes::FakeHost host_;
  JoinTokenPlugin plugin_{Host(host_.abi()), "join_token"};
};

constexpr const char* kUnknown =
    "failed to attest: join token does not exist or has already been used";

TEST(JoinTokenRecord, IsNamedByTheSha256OfTheToken) {
  EXPECT_EQ(record_id("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(JoinTokenServer, NamesTheAgentAfterItsToken) {
  const auto step = attest("good");
  ASSERT_TRUE(step.ok()) << step.status().to_string();
  ASSERT_NE(step->attributes, nullptr);
  EXPECT_EQ(step->attributes->agent_id, "spiffe://example.org/spire/agent/join_token/good");
  EXPECT_FALSE(step->attributes->can_reattest);
  EXPECT_TRUE(step->attributes->selectors.empty());
  EXPECT_TRUE(store_.tokens.empty());
}

TEST_F(JoinTokenServer, TakesATokenOnce) {
  ASSERT_TRUE(attest("good").ok());
  const auto again = attest("good");
  EXPECT_EQ(again.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(again.status().message(), kUnknown);
}

TEST_F(JoinTokenServer, RefusesUnknownTokensOfAnyShape) {
  for (const std::string& token :
       {std::string("bad"), std::string(), std::string(100000, 'x'), std::string("\0\xff", 2)}) {
    EXPECT_EQ(attest(token).status().message(), kUnknown);
  }
  EXPECT_EQ(store_.tokens.size(), 1u);
}

TEST_F(JoinTokenServer, BurnsATokenThatHasExpired) {
  host_.set_wall_seconds(1001);
  const auto step = attest("good");
  EXPECT_EQ(step.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(step.status().message(), "join token expired");
  EXPECT_TRUE(store_.tokens.empty());
}

TEST_F(JoinTokenServer, DoesNotLetAnyoneInWhenTheStoreFails) {
  store_.take_error = SIGNET_UNAVAILABLE;
  EXPECT_EQ(attest("good").status().code(), Code::kUnavailable) << "the agent may try again";
  store_.take_error = SIGNET_RESOURCE_EXHAUSTED;
  EXPECT_EQ(attest("good").status().code(), Code::kInternal);
  store_.take_error = SIGNET_OK;
  store_.commit_error = SIGNET_RESOURCE_EXHAUSTED;
  const auto step = attest("good");
  EXPECT_EQ(step.status().code(), Code::kInternal);
  EXPECT_TRUE(step.status().message().starts_with("failed to delete join token"));
  store_.commit_error = SIGNET_OK;
  EXPECT_TRUE(attest("good").ok()) << "the token was not burnt, so it still works";
}

TEST_F(JoinTokenServer, RefusesATokenThatMakesNoSpiffeId) {
  store_.tokens[record_id("a b")] = 1000;
  EXPECT_EQ(attest("a b").status().code(), Code::kInternal);
}

TEST_F(JoinTokenServer, HasOneStepOnly) {
  auto session = plugin_.open_server("example.org", "10.0.0.7:4711");
  ASSERT_TRUE((*session)->step("good", INT64_MAX).ok());
  store_.tokens[record_id("good")] = 1000;
  EXPECT_EQ((*session)->step("good", INT64_MAX).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_.tokens.size(), 1u);
}

}  // namespace
}  // namespace signet::join_token
