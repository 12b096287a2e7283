#include "agent_feeds.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "signet/delivery/v1/delivery.pb.h"
#include "signet/rpc.h"

#include "agent_records.h"
#include "entry_helpers.h"
#include "rpc-local/hosted.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

using namespace std::chrono_literals;
using ::signet::delivery::v1::FollowRequest;
using ::signet::delivery::v1::FollowResponse;
using Ids = std::set<std::string>;
using spire::api::types::Entry;

constexpr char kFollow[] = "/signet.delivery.v1.Delivery/Follow";

class AgentFeedsTest : public ::testing::Test {
 protected:
  // An agent's call. Each acknowledge() lets the server tell more.
  struct Agent {
    std::unique_ptr<fakes::LocalRpc::Call> call;
    void acknowledge() { call->send(FollowRequest().SerializeAsString()); }
    void still_here() {
      FollowRequest request;
      request.set_still_here(true);
      call->send(request.SerializeAsString());
    }
    FollowResponse answer(std::size_t n) { return call->message<FollowResponse>(n); }
    /// Waits until there are that many answers.
    bool has(std::size_t n) {
      return eventually([&] { return call->count() >= n; });
    }
    bool over() {
      return eventually([&] { return call->over(); });
    }
  };

  AgentFeedsTest() {
    index_.watched_by(&feeds_);
    listener_ = RpcListener::create(hosted_.host(), "unix:/x", "{}", nullptr).value();
    EXPECT_TRUE(listener_
                    ->handle(
                        kFollow,
                        [this](const std::shared_ptr<ServerCall>& call, std::string_view first) {
                          auto caller = std::make_shared<Caller>();
                          caller->identity = std::make_shared<PeerIdentity>(
                              PeerIdentity{SpiffeId::parse(agent_).value(), "1", not_after_});
                          auto record = std::make_shared<AgentRecord>();
                          record->presence = presence_;
                          caller->agent = record;
                          feeds_.follow(std::make_shared<CallContext>(context_, call, caller,
                                                                      *find_method(kFollow)),
                                        first);
                        },
                        SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM)
                    .ok());
    EXPECT_TRUE(listener_->serve().ok());
    feeds_.start();
    feeds_.open();
    rpc_.start_threads();
  }
  ~AgentFeedsTest() override {
    feeds_.close();
    EXPECT_TRUE(listener_->close(5s).ok());
    listener_.reset();
    feeds_.stop();
  }

  /// An agent that has been told to ask for everything, and has.
  Agent connect(const FollowRequest& request = {}) {
    Agent agent{rpc_.open(kFollow, request.SerializeAsString())};
    EXPECT_TRUE(agent.has(1));
    EXPECT_TRUE(agent.answer(0).resync());
    agent.acknowledge();
    pause();
    return agent;
  }
  void put(const Entry& entry) { index_.apply(entry, ++revision_); }
  /// More than changes are kept back to go together.
  void pause() { hosted_.advance(20ms); }
  template <typename F>
  static bool eventually(F&& done) {
    for (int i = 0; i < 5000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  static Ids ids(const FollowResponse& answer) {
    Ids out;
    for (const auto& entry : answer.entries()) out.insert(entry.id());
    return out;
  }
  static Ids gone(const FollowResponse& answer) {
    return {answer.gone().begin(), answer.gone().end()};
  }

  fakes::LocalRpc rpc_;
  fakes::Hosted hosted_{rpc_};
  testing::QuietHost quiet_;  // has the datastore
  Datastore datastore_ = Datastore::acquire(quiet_.host()).value();
  ChangeFollower changes_{quiet_.host(), datastore_};
  ServerConfig config_{TrustDomain::parse("example.org").value()};
  ServiceContext context_{.host = hosted_.host(), .config = &config_};
  EntryIndex index_{hosted_.host(), TrustDomain::parse("example.org").value()};
  AgentFeeds feeds_{hosted_.host(), index_, changes_};
  std::unique_ptr<RpcListener> listener_;
  std::uint64_t revision_ = 0;
  std::string agent_ = kAgentId;
  std::int64_t not_after_ = 1'700'000'000 + 7200;
  std::shared_ptr<AgentPresence> presence_ = std::make_shared<AgentPresence>();
};

TEST_F(AgentFeedsTest, AnAgentIsToldOfItsEntriesAndNotOfOthers) {
  Agent agent = connect();
  put(make_entry("other", "/spire/agent/join_token/b", "/other"));
  put(make_entry("mine", kAgentPath, "/mine"));
  ASSERT_TRUE(agent.has(2));
  EXPECT_EQ(ids(agent.answer(1)), Ids{"mine"});
  EXPECT_FALSE(agent.answer(1).resync());
  agent.acknowledge();
  pause();
  index_.erase("mine", ++revision_);
  ASSERT_TRUE(agent.has(3));
  EXPECT_EQ(gone(agent.answer(2)), Ids{"mine"});
  EXPECT_EQ(agent.answer(2).entries_size(), 0);
}

TEST_F(AgentFeedsTest, WhatChangesBeforeTheAcknowledgementComesTogetherAsItIsThen) {
  Agent agent = connect();
  put(make_entry("1", kAgentPath, "/first"));
  ASSERT_TRUE(agent.has(2));
  pause();
  put(make_entry("1", kAgentPath, "/second"));
  put(make_entry("1", kAgentPath, "/third"));
  put(make_entry("2", kAgentPath, "/two"));
  put(make_entry("3", kAgentPath, "/three"));
  index_.erase("3", ++revision_);
  feeds_.bundle_changed("example.org");
  agent.still_here();  // which acknowledges nothing
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(agent.call->count(), 2u);
  EXPECT_GT(presence_->seen_ns.load(), 0);
  agent.acknowledge();
  ASSERT_TRUE(agent.has(3));
  const FollowResponse answer = agent.answer(2);
  EXPECT_EQ(ids(answer), (Ids{"1", "2"}));
  for (const auto& entry : answer.entries()) {
    if (entry.id() == "1") {
      EXPECT_EQ(entry.spiffe_id().path(), "/third");
    }
  }
  EXPECT_EQ(gone(answer), Ids{"3"});
  EXPECT_EQ(answer.bundles_size(), 1);
}

TEST_F(AgentFeedsTest, KnowsHowFarAnAgentIs) {
  using Lacks = AgentFeeds::Progress::Lacks;
  ASSERT_TRUE(changes_.start().ok());
  put(make_entry("1", kAgentPath, "/one"));
  changes_.committed(revision_);
  EXPECT_FALSE(feeds_.progress(kAgentPath, "1"));
  Agent agent{rpc_.open(kFollow, FollowRequest().SerializeAsString())};
  ASSERT_TRUE(agent.has(1));
  EXPECT_EQ(agent.answer(0).time_ns(), hosted_.host().wall_ns());
  EXPECT_FALSE(feeds_.progress(kAgentPath, "1")) << "it may not have taken it over";
  const auto level = [&] {
    return eventually([&] {
      const auto progress = feeds_.progress(kAgentPath, "2");
      return progress && progress->revision == revision_ && progress->silent == 0ns &&
             progress->lacks == Lacks::kNothing;
    });
  };
  agent.acknowledge();
  EXPECT_TRUE(level());
  // Told before the log is known to have reached it, as it happens: the agent has it for all that.
  pause();
  put(make_entry("2", kAgentPath, "/two"));
  ASSERT_TRUE(agent.has(2));
  changes_.committed(revision_);
  hosted_.advance(3s);
  agent.still_here();
  EXPECT_EQ(feeds_.progress(kAgentPath, "2")->revision, 1u);
  EXPECT_GE(feeds_.progress(kAgentPath, "2")->silent, 3s);
  EXPECT_EQ(feeds_.progress(kAgentPath, "2")->lacks, Lacks::kThis);
  EXPECT_EQ(feeds_.progress(kAgentPath, "1")->lacks, Lacks::kNothing);
  put(make_entry("3", kAgentPath, "/three"));  // behind what was not acknowledged
  changes_.committed(revision_);
  EXPECT_EQ(feeds_.progress(kAgentPath, "3")->lacks, Lacks::kThis);
  agent.acknowledge();
  pause();
  ASSERT_TRUE(agent.has(3));
  agent.acknowledge();
  EXPECT_TRUE(level());
  // More than entries.
  pause();
  put(make_entry("4", "/five", "/four"));
  put(make_entry("5", kAgentPath, "/five"));
  EXPECT_EQ(feeds_.progress(kAgentPath, "1")->lacks, Lacks::kMany);
  changes_.committed(revision_ - 1);
  changes_.committed(revision_);
  ASSERT_TRUE(agent.has(4));
  agent.acknowledge();
  EXPECT_TRUE(level());
  changes_.stop();
}

TEST_F(AgentFeedsTest, AWordIsAnsweredWhenTheAgentAskedForThat) {
  FollowRequest request;
  request.set_answer_still_here(true);
  Agent agent = connect(request);
  EXPECT_TRUE(agent.answer(0).heard());
  agent.still_here();
  ASSERT_TRUE(agent.has(2));
  EXPECT_TRUE(agent.answer(1).heard());
  EXPECT_FALSE(agent.answer(1).resync());
  put(make_entry("1", kAgentPath, "/me"));
  ASSERT_TRUE(agent.has(3));
  EXPECT_FALSE(agent.answer(2).heard());
  agent.still_here();  // also while an answer is not acknowledged
  ASSERT_TRUE(agent.has(4));
  EXPECT_TRUE(agent.answer(3).heard());
}

TEST_F(AgentFeedsTest, TheMaskIsOfTheFirstRequest) {
  FollowRequest request;
  request.mutable_output_mask()->set_spiffe_id(true);
  Agent agent = connect(request);
  put(make_entry("1", kAgentPath, "/me"));
  ASSERT_TRUE(agent.has(2));
  ASSERT_EQ(agent.answer(1).entries_size(), 1);
  EXPECT_EQ(agent.answer(1).entries(0).spiffe_id().path(), "/me");
  EXPECT_EQ(agent.answer(1).entries(0).selectors_size(), 0);
}

TEST_F(AgentFeedsTest, MoreThanEntriesOrTooManyOfThemIsToBeAskedFor) {
  Agent agent = connect();
  put(make_entry("below", "/node", "/below"));
  put(make_entry("node", kAgentPath, "/node"));
  ASSERT_TRUE(agent.has(2));
  EXPECT_TRUE(agent.answer(1).resync());
  EXPECT_EQ(agent.answer(1).entries_size(), 0);
  // Unacknowledged: 3,000 entries of 500 bytes gather, more than an answer may have.
  for (int i = 0; i < 3000; ++i)
    put(make_entry("many" + std::to_string(i), kAgentPath, "/" + std::string(500, 'x')));
  agent.acknowledge();
  pause();
  ASSERT_TRUE(agent.has(3));
  EXPECT_TRUE(agent.answer(2).resync());
  EXPECT_EQ(agent.answer(2).entries_size(), 0);
}

TEST_F(AgentFeedsTest, AnEntryOfANodeAliasGoesToTheAgentsThatAnswerToIt) {
  put(make_entry("alias", kServerPath, "/fleet", {"a"}));
  index_.agent_changed(kAgentId, {"unix:a"});
  Agent agent = connect();
  agent_ = "spiffe://example.org/spire/agent/join_token/b";
  Agent other = connect();
  put(make_entry("web", "/fleet", "/web"));
  ASSERT_TRUE(agent.has(2));
  EXPECT_EQ(ids(agent.answer(1)), Ids{"web"});
  agent.acknowledge();
  pause();
  index_.agent_changed(kAgentId, {"unix:b"});
  ASSERT_TRUE(agent.has(3));
  EXPECT_TRUE(agent.answer(2).resync());
  EXPECT_EQ(other.call->count(), 1u);
}

TEST_F(AgentFeedsTest, WhatConcernsAFewIsNotBehindWhatConcernsMany) {
  constexpr std::size_t kAgents = 200;
  put(make_entry("alias", kServerPath, "/fleet", {"a"}));
  std::vector<Agent> fleet;
  for (std::size_t n = 0; n < kAgents; ++n) {
    agent_ = "spiffe://example.org/spire/agent/join_token/" + std::to_string(n);
    index_.agent_changed(agent_, {"unix:a"});
    fleet.push_back(connect());
  }
  const auto told = [&] {
    return std::count_if(fleet.begin(), fleet.end(), [](Agent& a) { return a.call->count() > 1; });
  };
  put(make_entry("web", "/fleet", "/web"));
  ASSERT_TRUE(eventually([&] { return told() == 1; }));  // the clock stands: nobody else is due
  put(make_entry("own", "/spire/agent/join_token/150", "/own"));
  ASSERT_TRUE(fleet[150].has(2));
  EXPECT_EQ(ids(fleet[150].answer(1)), (Ids{"own", "web"}));
  EXPECT_LE(told(), 2);
  hosted_.advance(100ms);  // at 2,500 a second, all of them
  put(make_entry("wake", "/spire/agent/join_token/none", "/wake"));
  EXPECT_TRUE(eventually([&] { return told() == std::ssize(fleet); }));
}

TEST_F(AgentFeedsTest, ACallEndsAfterItsTimeOrWithTheAgentsSvid) {
  Agent agent = connect();
  not_after_ = 1'700'000'000 + 60;
  agent_ = "spiffe://example.org/spire/agent/join_token/b";
  Agent with_short_svid = connect();
  hosted_.advance(61s);
  put(make_entry("1", agent_.substr(20), "/wakes"));
  EXPECT_TRUE(with_short_svid.over());
  EXPECT_EQ(with_short_svid.call->code(), Code::kOk);
  EXPECT_FALSE(agent.call->over());
  hosted_.advance(20min);
  put(make_entry("2", kAgentPath, "/wakes"));
  EXPECT_TRUE(agent.over());
  EXPECT_EQ(agent.call->code(), Code::kOk);
}

TEST_F(AgentFeedsTest, AnAgentHasTwoCallsAtMost) {
  Agent first = connect();
  Agent second = connect();
  Agent third = connect();
  EXPECT_TRUE(first.over());
  EXPECT_EQ(first.call->code(), Code::kCancelled);
  put(make_entry("1", kAgentPath, "/me"));
  EXPECT_TRUE(second.has(2));
  EXPECT_TRUE(third.has(2));
}

TEST_F(AgentFeedsTest, AServerThatDrainsEndsItsCallsAndTakesNone) {
  Agent agent = connect();
  feeds_.close();
  EXPECT_TRUE(agent.over());
  EXPECT_EQ(agent.call->code(), Code::kUnavailable);
  EXPECT_FALSE(feeds_.watching());
  Agent late{rpc_.open(kFollow, "")};
  EXPECT_TRUE(late.over());
  EXPECT_EQ(late.call->code(), Code::kUnavailable);
  feeds_.open();
  connect();
}

}  // namespace
}  // namespace signet::server
