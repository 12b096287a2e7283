#include "cli/run_plan.h"

#include <cstdlib>
#include <filesystem>
#include <memory>

#include <gtest/gtest.h>

#include "signet/abi/role.h"
#include "signet/testing/fake_host.h"

#include "support.h"

namespace signet::cli {
namespace {

constexpr RunFlag kFlags[] = {{"serverPort", "bind_port", RunFlag::Kind::kInteger, "port"},
                              {"dataDir", "data_dir", RunFlag::Kind::kText, "folder"},
                              {"debug", "debug", RunFlag::Kind::kSwitch, "more"}};

// The plan that a command emitted, copied as the kernel copies it.
struct Plan {
  int count = 0;
  std::string config, overrides;
  bool expand_env = false, validate_only = false, has_overrides = false;
};

class RunPlanTest : public testing::Test {
 protected:
  RunPlanTest() {
    char pattern[] = "/tmp/signet-plan-XXXXXX";
    const int fd = mkstemp(pattern);
    close(fd);
    file = pattern;
  }
  ~RunPlanTest() override { unlink(file.c_str()); }

  int go(const Args& args, bool validate_only = false) {
    plan = {};
    fakes::FakeCall abi_call([this](std::uint32_t kind, const void* message, std::size_t) {
      EXPECT_EQ(kind, SIGNET_KIND_RUN_PLAN);
      const auto& sent = *static_cast<const signet_run_plan*>(message);
      ++plan.count;
      plan.config = view(sent.config_path);
      plan.has_overrides = sent.overrides.ptr != nullptr;
      if (plan.has_overrides) plan.overrides = view(sent.overrides);
      plan.expand_env = sent.expand_env != 0;
      plan.validate_only = sent.validate_only != 0;
    });
    captured = std::make_unique<CapturedIo>();
    const Host host;
    const Call call(abi_call.abi());
    Interrupt interrupt(call);
    Context context{host, call, interrupt, captured->io()};
    return plan_run(context, args, {"server", "conf/none/server.conf", kFlags}, validate_only);
  }
  std::string file;
  Plan plan;
  std::unique_ptr<CapturedIo> captured;
};

TEST_F(RunPlanTest, FlagsBecomeAMergePatchOfTheRolesBlock) {
  EXPECT_EQ(go({"-config", file, "-serverPort", "8082", "-dataDir=/d", "-debug", "-expandEnv"}), 0);
  EXPECT_EQ(plan.count, 1);
  EXPECT_EQ(plan.config, file);
  EXPECT_EQ(plan.overrides, R"({"server":{"bind_port":8082,"data_dir":"/d","debug":true}})");
  EXPECT_TRUE(plan.expand_env);
  EXPECT_FALSE(plan.validate_only);
}

TEST_F(RunPlanTest, TheFlagsOfTheLogAreThereForEveryRole) {
  EXPECT_EQ(go({"-config", file, "-logLevel", "debug", "-logSourceLocation"}), 0);
  EXPECT_EQ(plan.overrides, R"({"server":{"log_level":"debug","log_source_location":true}})");
}

TEST_F(RunPlanTest, AZeroValueOverridesNothing) {
  EXPECT_EQ(go({"-config", file, "-serverPort", "0", "-dataDir", "", "-debug=false"}, true), 0);
  EXPECT_FALSE(plan.has_overrides);
  EXPECT_TRUE(plan.validate_only);
}

TEST_F(RunPlanTest, AMissingFileIsNamedInFull) {
  EXPECT_EQ(go({}), 1);
  const std::string message = "could not find config file " +
                              std::filesystem::absolute("conf/none/server.conf").string() +
                              ": please use the -config flag\n";
  EXPECT_EQ(captured->err(), message);
  EXPECT_EQ(go({}, true), 1);
  EXPECT_EQ(captured->err(), "SPIRE server configuration file is invalid: " + message);
  EXPECT_EQ(plan.count, 0);
}

TEST_F(RunPlanTest, AFlagErrorIsSaidBeforeAndAfterTheUsage) {
  EXPECT_EQ(go({"-nosuch"}), 1);
  EXPECT_TRUE(captured->err().starts_with("flag provided but not defined: -nosuch\nUsage of run:"));
  EXPECT_TRUE(captured->err().ends_with("\nflag provided but not defined: -nosuch\n"));
  EXPECT_EQ(plan.count, 0);
}

}  // namespace
}  // namespace signet::cli
