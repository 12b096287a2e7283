// Plugin, its thunks and the host's view, through the C table as a host sees them.
#include "signet/plugin.h"

#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet {
namespace {

int alive = 0;

class Widget final : public Plugin {
 public:
  Widget(Host host, std::string name) : Plugin(std::move(host), std::move(name)) {
    if (Plugin::name() == "bad") throw std::runtime_error("not this one");
    ++alive;
  }
  ~Widget() override { --alive; }
  static const void* service(std::string_view id) {
    return id == "test.widget/1" ? &kTable : nullptr;
  }

  Status configure(Call& call, std::string_view config) override {
    if (config == "throw") throw std::runtime_error("thrown");
    if (config == "note") call.note("/a", "odd", false);
    if (config == "bad") return Status::invalid_argument("bad config");
    return {};
  }

 private:
  static constexpr int kTable = 5;
};

constexpr signet_service_ref kServices[] = {{"test.widget/1", 0, 0}};
constexpr const char* kNeeds[] = {nullptr};

}  // namespace
}  // namespace signet

SIGNET_PLUGIN_DEFINE(signet::Widget, "widget-test", signet::kServices, signet::kNeeds, "{}",
                     SIGNET_PLUGIN_MULTI_INSTANCE);

namespace signet {
namespace {

class PluginTable : public testing::Test {
 protected:
  const signet_plugin& table() { return *signet_plugin_entry(SIGNET_ABI_MAJOR, SIGNET_ABI_MINOR); }
  signet_status configure(signet_instance* instance, std::string_view config) {
    return table().configure(instance, call_.abi(), bytes_to_abi(config));
  }

  fakes::FakeHost host_;
  std::vector<std::string> notes_;
  fakes::FakeCall call_{[this](std::uint32_t kind, const void* msg, std::size_t) {
    if (kind != SIGNET_KIND_NOTE) return;
    const auto* note = static_cast<const signet_note*>(msg);
    notes_.push_back(std::string(view(note->pointer)) + " " + std::string(view(note->message)));
  }};
};

TEST_F(PluginTable, DescribesThePlugin) {
  const signet_plugin& t = table();
  EXPECT_EQ(t.struct_size, sizeof(signet_plugin));
  EXPECT_EQ(t.abi_major, SIGNET_ABI_MAJOR);
  EXPECT_STREQ(t.name, "widget-test");
  EXPECT_EQ(t.service_count, 1u);
  EXPECT_EQ(t.service_size, sizeof(signet_service_ref));
  EXPECT_STREQ(t.services[0].id, "test.widget/1");
  EXPECT_EQ(t.needs[0], nullptr);
  EXPECT_EQ(t.flags, SIGNET_PLUGIN_MULTI_INSTANCE);
  EXPECT_EQ(&t, signet_plugin_entry(SIGNET_ABI_MAJOR, 99)) << "the same pointer each time";
}

TEST_F(PluginTable, ServesNoOtherMajorVersion) {
  EXPECT_EQ(signet_plugin_entry(SIGNET_ABI_MAJOR + 1, 0), nullptr);
  EXPECT_EQ(signet_plugin_entry(0, 0), nullptr);
}

TEST_F(PluginTable, LivesFromCreateToDestroy) {
  signet_instance* instance = nullptr;
  ASSERT_EQ(table().create(host_.abi(), to_abi(std::string_view("disk")), &instance), SIGNET_OK);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(plugin_cast<Widget>(instance).name(), "disk");
  EXPECT_NE(table().get_service(instance, "test.widget/1"), nullptr);
  EXPECT_EQ(table().get_service(instance, "test.other/1"), nullptr);
  EXPECT_EQ(configure(instance, "{}"), SIGNET_OK);
  EXPECT_EQ(table().start(instance, call_.abi()), SIGNET_OK);
  EXPECT_EQ(table().drain(instance, call_.abi()), SIGNET_OK);
  EXPECT_EQ(table().stop(instance, call_.abi()), SIGNET_OK);
  table().destroy(instance);
  EXPECT_EQ(alive, 0);
}

TEST_F(PluginTable, NoExceptionLeavesIt) {
  signet_instance* instance = nullptr;
  EXPECT_EQ(table().create(host_.abi(), to_abi(std::string_view("bad")), &instance),
            SIGNET_INTERNAL);
  EXPECT_EQ(instance, nullptr);
  ASSERT_EQ(table().create(host_.abi(), to_abi(std::string_view("a")), &instance), SIGNET_OK);
  EXPECT_EQ(configure(instance, "throw"), SIGNET_INTERNAL);
  EXPECT_EQ(call_.message(), "thrown");
  EXPECT_EQ(configure(instance, "bad"), SIGNET_INVALID_ARGUMENT);
  EXPECT_EQ(call_.message(), "bad config");
  table().destroy(instance);
}

TEST_F(PluginTable, NotesPointAtTheirSetting) {
  signet_instance* instance = nullptr;
  ASSERT_EQ(table().create(host_.abi(), to_abi(std::string_view("a")), &instance), SIGNET_OK);
  EXPECT_EQ(configure(instance, "note"), SIGNET_OK);
  EXPECT_EQ(notes_, (std::vector<std::string>{"/a odd"}));
  table().destroy(instance);
}

// -- the host's side

TEST(HostView, WithoutAHostDoesNothingAndSaysSo) {
  const Host none;
  EXPECT_FALSE(none.enabled(LogLevel::kFatal));
  none.error("nobody hears it", {{"key", 1}});
  none.count("metric");
  none.set_health("sub", true, true);
  none.quit(1, "reason");
  EXPECT_EQ(none.monotonic_ns(), 0);
  EXPECT_EQ(none.shared_settings(), "{}");
  EXPECT_EQ(none.locate("/a"), "");
  EXPECT_FALSE(static_cast<bool>(none.blob("bytes")));
  EXPECT_FALSE(static_cast<bool>(none.secret("bytes")));
  EXPECT_EQ(none.post([] {}).code(), Code::kUnavailable);
  Timer timer;
  EXPECT_EQ(timer.start_once(none, std::chrono::seconds(1), [] {}).code(), Code::kUnavailable);
}

TEST(HostView, GivesTheHostsTimeAndSettings) {
  fakes::FakeHost fake;
  fake.set_wall_seconds(1'800'000'000);
  fake.set_monotonic_ns(1'000);
  fake.set_shared_settings(R"({"trust_domain":"td"})");
  const Host host(fake.abi());
  EXPECT_EQ(host.unix_seconds(), 1'800'000'000);
  EXPECT_EQ(host.deadline_in(std::chrono::nanoseconds(5)), 1'005);
  EXPECT_EQ(host.shared_settings(), R"({"trust_domain":"td"})");
}

TEST(LogField, HasTheTypeOfItsValue) {
  EXPECT_EQ(Field("k", "text").abi.type, static_cast<std::uint32_t>(SIGNET_FIELD_TEXT));
  EXPECT_EQ(Field("k", 7).abi.number, 7);
  EXPECT_EQ(Field("k", std::chrono::seconds(2)).abi.number, 2'000'000'000);
  EXPECT_EQ(Field("k", std::chrono::seconds(2)).abi.type,
            static_cast<std::uint32_t>(SIGNET_FIELD_DURATION_NS));
  EXPECT_EQ(Field::time("k", 9).abi.type, static_cast<std::uint32_t>(SIGNET_FIELD_TIME_S));
}

}  // namespace
}  // namespace signet
