// The poller against a source that answers what a test says. The clock stands still until it is
// moved; workers run at once, on the thread that asks for them.
#include "federation_poller.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server_fakes.h"
#include "x509/bundle_json.h"
#include "x509/ca.h"

namespace signet::server {
namespace {

using std::chrono::seconds;

// A host with workers, over one without.
class WorkingHost {
 public:
  WorkingHost() : host_(*quiet_.host().abi()) {
    current_ = this;
    host_.get_service = [](const signet_host*, const char* id) -> const void* {
      static constexpr signet_host_executor kExecutor = {
          sizeof(signet_host_executor), 0,
          [](const signet_host*, void (*fn)(void*), void* arg) -> signet_status {
            if (current_->no_workers) return SIGNET_RESOURCE_EXHAUSTED;
            fn(arg);
            return SIGNET_OK;
          }};
      static constexpr signet_host_timer kTimers = {
          sizeof(signet_host_timer), 0,
          [](const signet_host*, std::int64_t, std::int64_t, void (*fn)(void*), void* arg,
             std::uint64_t* out) -> signet_status {
            current_->timer_ = {fn, arg};
            *out = 1;
            return SIGNET_OK;
          },
          [](const signet_host*, std::uint64_t) { current_->timer_ = {}; }};
      if (std::string_view(id) == SIGNET_HOST_EXECUTOR) return &kExecutor;
      if (std::string_view(id) == SIGNET_HOST_TIMER) return &kTimers;
      return current_->quiet_.host().abi()->get_service(current_->quiet_.host().abi(), id);
    };
  }
  Host host() const { return Host(&host_); }
  testing::QuietHost& quiet() { return quiet_; }
  void pass(std::int64_t time) {  // a tick each second
    for (; time > 0; --time) {
      quiet_.advance(1);
      tick();
    }
  }
  void tick() {
    if (timer_.first != nullptr) timer_.first(timer_.second);
  }
  bool no_workers = false;

 private:
  static inline WorkingHost* current_ = nullptr;
  testing::QuietHost quiet_;
  signet_host host_;
  std::pair<void (*)(void*), void*> timer_{};
};

// Stands for the plugin.
class Source {
 public:
  static const signet_bundle_source* table() {
    static constexpr signet_bundle_source kTable = {
        sizeof(signet_bundle_source), 0,
        [](signet_instance* i, signet_call* c, const signet_bundle_fetch* fetch) -> signet_status {
          auto& self = *reinterpret_cast<Source*>(i);
          self.asked.push_back({std::string(view(fetch->trust_domain)),
                                std::string(view(fetch->url)),
                                std::string(view(fetch->endpoint_id))});
          self.roots.clear();
          for (size_t n = 0; n < fetch->root_count; ++n) {
            self.roots.emplace_back(view(fetch->roots[n]));
          }
          self.flags = fetch->flags;
          if (self.answer.empty()) {
            return c->ops->fail(c, self.refusal, to_abi(std::string_view("nobody answers")));
          }
          c->ops->emit(c, SIGNET_KIND_BUNDLE_DOCUMENT, self.answer.data(), self.answer.size());
          return SIGNET_OK;
        }};
    return &kTable;
  }
  std::vector<FederatedDomain> asked;
  std::vector<std::string> roots;
  std::uint32_t flags = 0;
  signet_status refusal = SIGNET_UNAVAILABLE;
  std::string answer;  // "": an error
};

class FederationPollerTest : public ::testing::Test {
 protected:
  FederationPollerTest()
      : config_(TrustDomain::parse("example.org").value()),
        store_(Datastore::acquire(host_.host()).value()),
        changes_(host_.host(), store_),
        bundles_(host_.host(), store_, changes_, config_.trust_domain),
        relationships_(host_.host(), store_, changes_, bundles_),
        poller_(host_.host(), config_, store_, changes_, bundles_, relationships_) {
    host_.quiet().offer(SIGNET_BUNDLE_SOURCE, reinterpret_cast<signet_instance*>(&source_),
                        Source::table());
    relationships_.on_changed([this] { poller_.relationships_changed(); });
  }
  void start() { ASSERT_TRUE(poller_.start().ok()); }
  void federate(const std::string& domain, const std::string& endpoint_id = "") {
    FederationStore::Relationship relationship;
    relationship.set_trust_domain(domain);
    relationship.set_bundle_endpoint_url("https://" + domain);
    if (endpoint_id.empty()) {
      relationship.mutable_https_web();
    } else {
      relationship.mutable_https_spiffe()->set_endpoint_spiffe_id(endpoint_id);
    }
    ASSERT_TRUE(relationships_.create(relationship).ok());
  }
  static std::string document(std::uint64_t sequence = 1, std::int64_t hint = 0) {
    x509::Bundle bundle(TrustDomain::parse("any.org").value());
    x509::CaParams params;
    params.now = x509::from_unix(1'700'000'000);
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    bundle.x509_authorities = {
        {x509::self_sign_ca(bundle.trust_domain, params, crypto::PrivateKeySigner(key)).value(),
         false}};
    bundle.sequence_number = sequence;
    bundle.refresh_hint = hint;
    return x509::write_bundle_json(bundle).value();
  }
  static std::string some_root() {
    const auto bundle = x509::read_bundle_json(TrustDomain::parse("peer.org").value(), document(),
                                               x509::BundleReading::kStrict)
                            .value();
    return crypto::to_string(bundle.x509_authorities[0].certificate.der());
  }
  /// As an operator does.
  void set_bundle(const std::string& domain, const std::string& root) {
    spire::api::types::Bundle message;
    message.set_trust_domain(domain);
    message.add_x509_authorities()->set_asn1(root);
    auto tx = store_.write();
    Record record = bundle_to_record(message);
    ASSERT_TRUE(tx->put(record).ok());
    bundles_.committed(record, tx->commit().value());
  }
  std::uint64_t sequence_of(const std::string& domain) {
    const BundlePtr bundle = bundles_.find(domain);
    return bundle ? bundle->message.sequence_number() : 0;
  }
  std::size_t asked() const { return source_.asked.size(); }

  WorkingHost host_;
  Source source_;
  ServerConfig config_;
  Datastore store_;
  ChangeFollower changes_;
  TrustBundles bundles_;
  FederationStore relationships_;
  FederationPoller poller_;
};

TEST_F(FederationPollerTest, ARelationshipIsPolledAtOnceAndItsBundleStored) {
  source_.answer = document(7, 20);
  start();
  federate("peer.org");
  ASSERT_EQ(asked(), 1u);
  EXPECT_EQ(source_.asked[0], (FederatedDomain{"peer.org", "https://peer.org", ""}));
  EXPECT_EQ(sequence_of("peer.org"), 7u);
  EXPECT_EQ(bundles_.find("peer.org")->message.refresh_hint(), 20);
}

TEST_F(FederationPollerTest, TellsTheAgeOfABundleAndWhatFailedLast) {
  const signet_host* const host = host_.host().abi();
  const auto told = [&] {
    const auto health = testing::QuietHost::health(host, "federation");
    EXPECT_TRUE(health.live && health.ready) << "what is known goes on to be served";
    return nlohmann::json::parse(health.details)["peer.org"];
  };
  // Told every five seconds.
  const auto age = [&] {
    const double gauge =
        testing::QuietHost::metric(host, "bundle_manager.federated_bundle.age_seconds");
    EXPECT_EQ(told()["age_seconds"], gauge);
    return gauge;
  };
  source_.answer = document(1, 300);
  start();
  federate("peer.org");
  host_.pass(6);
  EXPECT_GT(age(), 0);
  EXPECT_LE(age(), 6);
  host_.pass(200);
  EXPECT_GT(age(), 200) << "it grows while nothing is polled";
  EXPECT_EQ(told()["failures"], 0);
  source_.answer.clear();
  host_.pass(420);
  EXPECT_GT(age(), 620);
  EXPECT_GT(told()["failures"], 0);
  EXPECT_NE(told()["error"].get<std::string>().find("nobody answers"), std::string::npos);
  source_.answer = document(2, 300);
  host_.pass(310);
  EXPECT_LT(age(), 310);
  EXPECT_EQ(told()["failures"], 0);
  EXPECT_FALSE(told().contains("error"));
}

TEST_F(FederationPollerTest, Rule65PollsAtTheRefreshHint) {
  source_.answer = document(1, 20);
  start();
  federate("peer.org");
  host_.pass(19);
  EXPECT_EQ(asked(), 1u);
  host_.pass(1);
  EXPECT_EQ(asked(), 2u);
  host_.pass(100);
  EXPECT_EQ(asked(), 7u);
}

TEST_F(FederationPollerTest, Rule65WithoutAHintItIsFiveMinutes) {
  source_.answer = document();
  start();
  federate("peer.org");
  host_.pass(299);
  EXPECT_EQ(asked(), 1u);
  host_.pass(1);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(FederationPollerTest, Rule65AFailedPollWaitsForTheNextInterval) {
  source_.answer = document(1, 20);
  start();
  federate("peer.org");
  source_.answer.clear();
  host_.pass(20);
  EXPECT_EQ(asked(), 2u);
  host_.pass(19);
  EXPECT_EQ(asked(), 2u);
  host_.pass(1);
  EXPECT_EQ(asked(), 3u);
}

TEST_F(FederationPollerTest, TheLastGoodBundleStaysWhateverComesAfterIt) {
  source_.answer = document(5, 1);
  start();
  federate("peer.org");
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string(R"({"keys":[{"use":"odd"}]})"),
        std::string(5 * 1024 * 1024, ' ')}) {
    source_.answer = bad;
    host_.pass(120);
    EXPECT_EQ(sequence_of("peer.org"), 5u);
  }
  const auto peers = poller_.peers();
  ASSERT_EQ(peers.size(), 1u);
  EXPECT_GE(peers[0].failures, 4u);
  EXPECT_FALSE(peers[0].error.empty());
  EXPECT_EQ(peers[0].good_at, 1'700'000'000) << "its age is known";

  source_.answer = document(6, 1);
  host_.pass(120);
  EXPECT_EQ(sequence_of("peer.org"), 6u);
  EXPECT_EQ(poller_.peers()[0].failures, 0u);
}

TEST_F(FederationPollerTest, ALowerSequenceIsTaken) {
  source_.answer = document(9, 1);
  start();
  federate("peer.org");
  source_.answer = document(3, 1);
  host_.pass(2);
  EXPECT_EQ(sequence_of("peer.org"), 3u);
}

TEST_F(FederationPollerTest, TheSameDocumentIsNotWrittenAgain) {
  source_.answer = document(9, 1);
  start();
  federate("peer.org");
  const std::uint64_t revision = host_.quiet().store().revision();
  host_.pass(10);
  EXPECT_GT(asked(), 5u);
  EXPECT_EQ(host_.quiet().store().revision(), revision);
}

TEST_F(FederationPollerTest, Rule63TheRootsAreTheLatestStoredOnes) {
  source_.answer = document(1, 1);
  start();
  federate("peer.org", "spiffe://peer.org/server");
  EXPECT_EQ(asked(), 0u) << "without a bundle nobody can be authenticated";
  EXPECT_EQ(poller_.peers().at(0).error,
            "can't perform SPIFFE Authentication: local copy of bundle not found");

  // The operator's bundle first ...
  const std::string root = some_root();
  set_bundle("peer.org", root);
  host_.pass(5);
  ASSERT_EQ(asked(), 1u);
  EXPECT_EQ(source_.roots, std::vector<std::string>{root});
  EXPECT_EQ(source_.asked[0].endpoint_id, "spiffe://peer.org/server");
  // ... and then the one that was fetched.
  host_.pass(2);
  ASSERT_GE(asked(), 2u);
  EXPECT_NE(source_.roots, std::vector<std::string>{root});
}

TEST_F(FederationPollerTest, AnEndpointThatFailedIsAskedAgainOnceItsBundleIsSet) {
  source_.answer = document(1, 300);
  bundles_.on_changed([this](std::string_view domain) { poller_.bundle_changed(domain); });
  start();
  federate("peer.org", "spiffe://peer.org/server");
  host_.pass(2);  // of the 5 s until it would be tried again
  ASSERT_EQ(asked(), 0u);
  set_bundle("peer.org", some_root());
  host_.pass(1);
  EXPECT_EQ(asked(), 1u);
  set_bundle("peer.org", some_root());
  host_.pass(2);
  EXPECT_EQ(asked(), 1u) << "nothing is wrong with it any more";
}

TEST_F(FederationPollerTest, TheConfigurationWinsOverTheApi) {
  config_.federation.federates_with = {{"peer.org", "https://static.invalid", ""}};
  source_.answer = document(1, 1);
  start();
  federate("peer.org");
  federate("other.org");
  host_.pass(3);
  for (const FederatedDomain& domain : source_.asked) {
    EXPECT_EQ(domain.url,
              domain.trust_domain == "peer.org" ? "https://static.invalid" : "https://other.org");
  }
  // And is there again when the API's is gone.
  ASSERT_TRUE(relationships_.remove("peer.org").ok());
  EXPECT_EQ(poller_.peers().size(), 2u);
}

TEST_F(FederationPollerTest, ADeletedRelationshipIsPolledNoMoreAndItsBundleStays) {
  source_.answer = document(1, 1);
  start();
  federate("peer.org");
  ASSERT_TRUE(relationships_.remove("peer.org").ok());
  const std::size_t before = asked();
  host_.pass(10);
  EXPECT_EQ(asked(), before);
  EXPECT_EQ(sequence_of("peer.org"), 1u);
}

TEST_F(FederationPollerTest, OurOwnTrustDomainIsNeverAsked) {
  source_.answer = document();
  start();
  federate("example.org");  // as an imported database may have it
  host_.pass(10);
  EXPECT_EQ(asked(), 0u);
  EXPECT_FALSE(*poller_.refresh("example.org"));
}

TEST_F(FederationPollerTest, PrivateAddressesAreAskedOnlyWhenTheConfigurationSaysSo) {
  source_.answer = document(1, 1);
  start();
  federate("peer.org");
  EXPECT_EQ(source_.flags & SIGNET_FETCH_ALLOW_PRIVATE, 0u);
  config_.federation.allow_private_endpoints = true;
  host_.pass(2);
  EXPECT_NE(source_.flags & SIGNET_FETCH_ALLOW_PRIVATE, 0u);
}

TEST_F(FederationPollerTest, WhoIsRefusedForHisAddressIsToldTheSetting) {
  source_.refusal = SIGNET_PERMISSION_DENIED;
  start();
  federate("peer.org");
  host_.quiet().advance(1);
  const std::string refused = poller_.refresh("peer.org").status().message();
  EXPECT_EQ(refused, "nobody answers; federation.allow_private_endpoints lets it be asked");
  config_.federation.allow_private_endpoints = true;
  host_.quiet().advance(1);
  EXPECT_EQ(poller_.refresh("peer.org").status().message(), "nobody answers");
}

TEST_F(FederationPollerTest, RefreshAsksNowAndTellsTheOutcome) {
  source_.answer = document(1, 3600);
  start();
  EXPECT_FALSE(*poller_.refresh("peer.org"));
  federate("peer.org");
  source_.answer = document(2, 3600);
  host_.quiet().advance(1);
  EXPECT_TRUE(*poller_.refresh("peer.org"));
  EXPECT_EQ(sequence_of("peer.org"), 2u);
  source_.answer.clear();
  host_.quiet().advance(1);
  EXPECT_EQ(poller_.refresh("peer.org").status().message(), "nobody answers");
  EXPECT_EQ(sequence_of("peer.org"), 2u);
}

TEST_F(FederationPollerTest, ADomainIsAskedOnceASecondWhateverChanges) {
  source_.answer = document(1, 1);
  start();
  federate("peer.org");
  ASSERT_EQ(asked(), 1u);
  // Taken away, made again and changed, it is due at once; but not within the second.
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(relationships_.remove("peer.org").ok());
    federate("peer.org", i % 2 == 0 ? "spiffe://peer.org/one" : "");
    host_.tick();
  }
  EXPECT_EQ(asked(), 1u);
  host_.pass(1);
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(source_.asked.back().endpoint_id, "spiffe://peer.org/one");
  for (int i = 0; i < 5; ++i) host_.tick();
  EXPECT_EQ(asked(), 2u);
}

TEST_F(FederationPollerTest, WithoutAFreeWorkerTheNextTickDoesIt) {
  source_.answer = document();
  start();
  host_.no_workers = true;
  federate("peer.org");
  host_.pass(3);
  EXPECT_EQ(asked(), 0u);
  host_.no_workers = false;
  host_.pass(2);
  EXPECT_EQ(asked(), 1u);
}

TEST(PollInterval, IsTheHintWithinReason) {
  EXPECT_EQ(poll_interval(0), seconds(300));
  EXPECT_EQ(poll_interval(-5), seconds(300));
  EXPECT_EQ(poll_interval(1), seconds(1));
  EXPECT_EQ(poll_interval(60), seconds(60));
  EXPECT_EQ(poll_interval(INT64_MAX), seconds(86400));
}

TEST(RetryInterval, DoublesUpToAMinuteAndIsNeverBelowTheHint) {
  const auto series = [](seconds interval, bool known) {
    std::vector<std::int64_t> out;
    for (unsigned n = 1; n <= 8; ++n) out.push_back(retry_interval(interval, n, known).count());
    return out;
  };
  EXPECT_EQ(series(seconds(1), true), (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
  EXPECT_EQ(series(seconds(300), true), std::vector<std::int64_t>(8, 300));
  EXPECT_EQ(series(seconds(300), false),
            (std::vector<std::int64_t>{5, 10, 20, 40, 80, 160, 300, 300}));
  EXPECT_EQ(retry_interval(seconds(1), 4'000'000'000u, true), seconds(60));
}

}  // namespace
}  // namespace signet::server
