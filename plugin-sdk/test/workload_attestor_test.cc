// What a workload attestor in C++ gives across the C interface, and what a role takes from one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/attestor.h"
#include "signet/testing/fake_host.h"

namespace signet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const signet_workload_peer kPeer = {sizeof(signet_workload_peer), 1, -1, 0, 0, 0, 0};

class Told final : public Plugin, public WorkloadAttestor {
 public:
  explicit Told(std::vector<std::string> values)
      : Plugin(Host(), "told"), values_(std::move(values)) {}
  Status configure(Call&, std::string_view) override { return {}; }
  Result<std::vector<std::string>> attest(const signet_workload_peer&, int64_t) override {
    return values_;
  }

 private:
  std::vector<std::string> values_;
};

// What crosses the interface.
Result<std::vector<std::string>> emitted(std::vector<std::string> values) {
  Told plugin(std::move(values));
  std::vector<std::string> out;
  fakes::FakeCall call([&](uint32_t, const void* msg, std::size_t) {
    const auto& selectors = *static_cast<const signet_selectors*>(msg);
    for (std::size_t n = 0; n < selectors.count; ++n) out.emplace_back(view(selectors.values[n]));
  });
  const signet_status code = workload_attestor_table<Told>()->attest(
      reinterpret_cast<signet_instance*>(static_cast<Plugin*>(&plugin)), call.abi(), &kPeer);
  if (code != SIGNET_OK) return Status(static_cast<Code>(code), call.message());
  return out;
}

TEST(WorkloadAttestorTable, GivesEachValueOnce) {
  EXPECT_THAT(*emitted({"b", "a", "b", "\xc3\xa4"}), ElementsAre("a", "b", "\xc3\xa4"));
  EXPECT_THAT(*emitted({}), IsEmpty());
}

TEST(WorkloadAttestorTable, FailsRatherThanGiveWhatNoEntryCanName) {
  for (const std::string& bad : {std::string(), std::string("path:\xff"), std::string("a\0b", 3),
                                 std::string("\xed\xa0\x80"), std::string("\xc0\xaf")}) {
    EXPECT_EQ(emitted({"good", bad}).status().code(), Code::kInternal);
  }
}

// One in C, say, that does not keep to it.
TEST(AttestWorkload, TakesNothingThatNoEntryCanName) {
  static std::vector<std::string> said;
  static constexpr signet_workload_attestor kTable = {
      sizeof(signet_workload_attestor), 0,
      [](signet_instance*, signet_call* call, const signet_workload_peer*) -> signet_status {
        for (const std::string& value : said) {  // one emission each
          const signet_str span = to_abi(value);
          const signet_selectors selectors = {sizeof(signet_selectors), 0, &span, 1};
          call->ops->emit(call, SIGNET_KIND_SELECTORS, &selectors, sizeof selectors);
        }
        return SIGNET_OK;
      }};
  fakes::FakeHost host;
  host.offer(SIGNET_WORKLOAD_ATTESTOR, nullptr, &kTable);
  const auto handle =
      ServiceHandle<signet_workload_attestor>::acquire(Host(host.abi()), SIGNET_WORKLOAD_ATTESTOR);
  ASSERT_TRUE(handle.ok());
  said = {"b", "a", "b"};
  EXPECT_THAT(*attest_workload(*handle, kPeer, INT64_MAX), ElementsAre("a", "b"));
  said = {"b", "\xff"};
  EXPECT_EQ(attest_workload(*handle, kPeer, INT64_MAX).status().code(), Code::kInternal);
}

}  // namespace
}  // namespace signet
