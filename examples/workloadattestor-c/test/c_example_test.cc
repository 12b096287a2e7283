// The shared object as it is shipped: opened, asked for its entry, and taken through its life.
#include <atomic>
#include <dlfcn.h>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/abi/workload_attestor.h"
#include "signet/testing/fake_host.h"

namespace signet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CExample : public ::testing::Test {
 protected:
  void SetUp() override {
    void* file = ::dlopen(SIGNET_PLUGIN_DIR "/workloadattestor-c-example.so", RTLD_NOW);
    ASSERT_NE(file, nullptr) << ::dlerror();
    entry_ = reinterpret_cast<decltype(entry_)>(::dlsym(file, "signet_plugin_entry"));
    ASSERT_NE(entry_, nullptr);
    plugin_ = entry_(SIGNET_ABI_MAJOR, SIGNET_ABI_MINOR);
    ASSERT_NE(plugin_, nullptr);
    ASSERT_EQ(plugin_->create(host_.abi(), to_abi("c_example"), &instance_), SIGNET_OK);
    attestor_ = static_cast<const signet_workload_attestor*>(
        plugin_->get_service(instance_, SIGNET_WORKLOAD_ATTESTOR));
    ASSERT_NE(attestor_, nullptr);
  }
  void TearDown() override {
    if (instance_ != nullptr) plugin_->destroy(instance_);
  }
  signet_status configure(std::string_view json) {
    fakes::FakeCall call;
    const signet_status status = plugin_->configure(instance_, call.abi(), bytes_to_abi(json));
    message_ = call.message();
    return status;
  }
  std::vector<std::string> attest(std::uint32_t uid) {
    std::vector<std::string> out;
    fakes::FakeCall call([&](std::uint32_t kind, const void* msg, std::size_t) {
      EXPECT_EQ(kind, SIGNET_KIND_SELECTORS);
      const auto& selectors = *static_cast<const signet_selectors*>(msg);
      for (std::size_t n = 0; n < selectors.count; ++n) out.emplace_back(view(selectors.values[n]));
    });
    const signet_workload_peer peer = {sizeof(peer), 1, -1, uid, 0, 0, 0};
    EXPECT_EQ(attestor_->attest(instance_, call.abi(), &peer), SIGNET_OK) << call.message();
    return out;
  }

  fakes::FakeHost host_;
  const signet_plugin* (*entry_)(std::uint32_t, std::uint32_t) = nullptr;
  const signet_plugin* plugin_ = nullptr;
  signet_instance* instance_ = nullptr;
  const signet_workload_attestor* attestor_ = nullptr;
  std::string message_;
};

TEST_F(CExample, HasAPureEntryForItsMajorOnly) {
  EXPECT_EQ(entry_(SIGNET_ABI_MAJOR, 99), plugin_);
  EXPECT_EQ(entry_(SIGNET_ABI_MAJOR + 1, 0), nullptr);
  EXPECT_STREQ(plugin_->name, "workloadattestor-c-example");
  EXPECT_EQ(plugin_->get_service(instance_, "signet.key_manager/1"), nullptr);
}

TEST_F(CExample, TellsTheUidAndTheSelectorsOfItsSettings) {
  ASSERT_EQ(configure(R"({"selectors": ["team:payments", "x"]})"), SIGNET_OK) << message_;
  EXPECT_THAT(attest(4294967295), ElementsAre("uid:4294967295", "team:payments", "x"));
  ASSERT_EQ(configure(R"({"uid": false})"), SIGNET_OK);
  EXPECT_THAT(attest(7), IsEmpty());
}

TEST_F(CExample, KeepsItsSettingsWhenNewOnesAreWrong) {
  ASSERT_EQ(configure(R"({"uid": true})"), SIGNET_OK);
  EXPECT_EQ(configure(R"({"uid": 1})"), SIGNET_INVALID_ARGUMENT);
  EXPECT_EQ(message_, "uid is neither true nor false");
  EXPECT_THAT(attest(7), ElementsAre("uid:7"));
}

TEST_F(CExample, SaysThatItIsNotConfigured) {
  fakes::FakeCall call;
  const signet_workload_peer peer = {sizeof(peer), 1, -1, 0, 0, 0, 0};
  EXPECT_EQ(attestor_->attest(instance_, call.abi(), &peer), SIGNET_FAILED_PRECONDITION);
}

TEST_F(CExample, MayBeConfiguredWhileItAttests) {
  ASSERT_EQ(configure(R"({"selectors": ["a"]})"), SIGNET_OK);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) EXPECT_EQ(attest(7).size(), 2u);
  });
  for (int n = 0; n < 500; ++n) {
    EXPECT_EQ(configure(n % 2 ? R"({"selectors": ["a"]})" : R"({"selectors": ["b"]})"), SIGNET_OK);
  }
  stop = true;
  other.join();
}

}  // namespace
}  // namespace signet
