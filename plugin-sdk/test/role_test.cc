#include "signet/role.h"

#include <gtest/gtest.h>

#include "signet/role_schema.h"
#include "signet/testing/fake_host.h"

namespace signet {
extern const char kNightWatch[];
const char kNightWatch[] = R"({"block": "watch"})";

namespace {

struct WatchConfig {
  std::string hours;
  std::vector<std::string> warnings;

  static Result<WatchConfig> from_json(std::string_view json) {
    if (json.empty()) return Status::invalid_argument("watch: no hours");
    return WatchConfig{std::string(json), {"it is cold"}};
  }
};

class NightWatch final : public Role<WatchConfig> {
 public:
  NightWatch(Host host, std::string name)
      : Role(std::move(host), std::move(name), {"watch", std::chrono::seconds(5)}) {}
  static const void* service(std::string_view id) { return service_of<kNightWatch>(id); }

  std::string log;
  Status outcome;

 private:
  Result<int> run_command(const Call&, const std::vector<std::string>& argv,
                          const int fds[3]) override {
    if (argv.size() == 1) return Status::cancelled("ended by a signal");
    return static_cast<int>(argv.size()) + fds[1];
  }
  Status prepare(const WatchConfig& config) override {
    log += "prepare " + config.hours + ";";
    return config.hours == "never" ? Status::failed_precondition("no lamp") : Status();
  }
  Status bring_up(const Call&) override {
    log += "up " + config().hours + ";";
    return outcome;
  }
  void finish_calls(std::chrono::nanoseconds time) override {
    log += "drain " + std::to_string(time / std::chrono::seconds(1)) + ";";
  }
  void take_down() override { log += "down;"; }
};

class RoleTest : public testing::Test {
 protected:
  fakes::FakeHost host;
  NightWatch role{Host(host.abi()), "watch"};
  std::vector<std::string> notes;
  fakes::FakeCall abi_call{[this](std::uint32_t kind, const void* msg, std::size_t) {
    if (kind != SIGNET_KIND_NOTE) return;
    const auto& note = *static_cast<const signet_note*>(msg);
    notes.push_back(std::string(view(note.pointer)) + ": " + std::string(view(note.message)));
  }};
  Call call{abi_call.abi()};
};

TEST_F(RoleTest, DescribesItselfAndRunsItsCommand) {
  const auto* table = static_cast<const signet_role*>(NightWatch::service(SIGNET_ROLE));
  // The analyzer does not follow the comparison of service names and takes it for another table.
  EXPECT_EQ(view(table->describe()),  // NOLINT(clang-analyzer-core.CallAndMessage)
            R"({"block": "watch"})");
  EXPECT_EQ(NightWatch::service("signet.other/1"), nullptr);

  const auto* command = static_cast<const signet_command*>(NightWatch::service(SIGNET_COMMAND));
  const signet_str words[] = {to_abi(std::string_view("watch")), to_abi(std::string_view("run"))};
  const int fds[3] = {0, 40, 2};
  int exit_code = 0;
  EXPECT_EQ(command->run(to_abi(&role), abi_call.abi(), words, 2, fds, &exit_code), SIGNET_OK);
  EXPECT_EQ(exit_code, 42);
  EXPECT_EQ(command->run(to_abi(&role), abi_call.abi(), words, 1, fds, &exit_code),
            SIGNET_CANCELLED);
}

TEST_F(RoleTest, HandsOnTheWarningsOfItsSettings) {
  EXPECT_TRUE(role.validate(call, "22-6").ok());
  EXPECT_EQ(notes, std::vector<std::string>{"/watch: it is cold"});
  EXPECT_EQ(role.validate(call, "").code(), Code::kInvalidArgument);
  EXPECT_EQ(role.log, "");
}

TEST_F(RoleTest, StartsOnlyWhenItIsConfigured) {
  EXPECT_EQ(role.start(call).code(), Code::kFailedPrecondition);
  EXPECT_EQ(role.configure(call, "never").code(), Code::kFailedPrecondition);
  EXPECT_EQ(role.start(call).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(role.configure(call, "22-6").ok());
  EXPECT_TRUE(role.start(call).ok());
  EXPECT_EQ(role.log, "prepare never;prepare 22-6;up 22-6;");
}

TEST_F(RoleTest, ItsSettingsDoNotChangeWhileItRuns) {
  ASSERT_TRUE(role.configure(call, "22-6").ok());
  ASSERT_TRUE(role.start(call).ok());
  EXPECT_TRUE(role.configure(call, "22-6").ok());
  EXPECT_EQ(role.configure(call, "23-6").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(role.stop(call).ok());
  EXPECT_TRUE(role.configure(call, "23-6").ok());
  EXPECT_EQ(role.log, "prepare 22-6;up 22-6;down;prepare 23-6;");
}

TEST_F(RoleTest, DrainsForItsTimeOrTheCallsWhicheverIsLess) {
  EXPECT_TRUE(role.drain(call).ok());
  abi_call.abi()->deadline_ns = 3'500'000'000;
  EXPECT_TRUE(role.drain(call).ok());
  host.set_monotonic_ns(9'000'000'000);
  EXPECT_TRUE(role.drain(call).ok());
  EXPECT_EQ(role.log, "drain 5;drain 3;drain 0;");
}

TEST(SchemaText, JoinsItsPieces) {
  constexpr char kMiddle[] = "b";
  constexpr auto kText = schema_text("a", kMiddle, "c");
  EXPECT_STREQ(kText.data(), "abc");
}

}  // namespace
}  // namespace signet
