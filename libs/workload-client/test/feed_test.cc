// Feed: who listens hears everything, in order, and nothing after its handle has gone.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "workload_client/x509_source.h"

namespace signet::workload_client {
namespace {

X509ContextPtr context(const std::string& hint) {
  auto out = std::make_shared<X509Context>();
  out->svids.push_back({SpiffeId::parse("spiffe://example.org/a").value(), {}, nullptr, hint});
  return out;
}

TEST(Feed, AListenerHearsWhatIsThereAndWhatComes) {
  const auto feed = std::make_shared<Feed<X509Context>>();
  feed->publish(context("1"));
  std::string heard;
  auto handle = feed->subscribe([&](const X509ContextPtr& c) { heard += c->svids[0].hint; });
  EXPECT_EQ(heard, "1");
  feed->publish(context("2"));
  EXPECT_EQ(heard, "12");
  handle.reset();
  feed->publish(context("3"));
  EXPECT_EQ(heard, "12");
  EXPECT_EQ(feed->current()->svids[0].hint, "3");
}

TEST(Feed, BeforeTheFirstThereIsNothingToHear) {
  const auto feed = std::make_shared<Feed<X509Context>>();
  int calls = 0;
  const auto handle = feed->subscribe([&](const X509ContextPtr&) { ++calls; });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(feed->current(), nullptr);
}

TEST(Feed, AHandleMayOutliveWhoPublishes) {
  auto feed = std::make_shared<Feed<X509Context>>();
  auto handle = feed->subscribe([](const X509ContextPtr&) {});
  feed.reset();
  handle.reset();
}

TEST(Feed, ListenersComeAndGoWhileItPublishes) {
  const auto feed = std::make_shared<Feed<X509Context>>();
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    for (int n = 0; n < 2000; ++n) feed->publish(context(std::to_string(n)));
    done = true;
  });
  int rounds = 0;
  while (!done || rounds < 10) {
    auto last = std::make_unique<int>(-1);  // gone with the handle: a call after that is a finding
    const auto handle = feed->subscribe([&](const X509ContextPtr& c) {
      const int number = std::stoi(c->svids[0].hint);
      EXPECT_GE(number, *last);
      *last = number;
    });
    ++rounds;
  }
  publisher.join();
  EXPECT_EQ(feed->current()->svids[0].hint, "1999");
}

}  // namespace
}  // namespace signet::workload_client
