// Scopes, start order and services, with the test plugins inside this process.
#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/host.h"

#include "host/host_table.h"
#include "life/supervisor.h"
#include "plugins/widget.h"
#include "test_files.h"

namespace signet::kernel {
namespace {

using testing::HasSubstr;

class Lifecycle : public testing::Test {
 protected:
  Lifecycle()
      : prefix{"role-test",    "widget-good", "widget-needy", "widget-looping",
               "widget-newer", "base-one",    "loop-one"},
        process(*new Process(prefix.library_dir(), prefix.plugin_dir(), LogOutput::Stream::kStderr,
                             SIGNET_LOG_FATAL)),
        supervisor(process),
        trace(prefix.dir().file("trace")),
        log(prefix.dir().file("log")) {}
  ~Lifecycle() override {
    supervisor.stop_all();
    delete &process;
  }
  const PluginFile& role() { return **load_plugin(prefix.plugin("role-test"), ""); }
  Status start(const std::string& plugins, const std::string& scope = "") {
    ConfigSource source;
    source.path = prefix.dir().write("test.conf", "test { realm = \"r\" trace = \"" + trace +
                                                      "\" log_file = \"" + log +
                                                      "\" }\nplugins {\n" + plugins + "\n}\n");
    return supervisor.start_role(role(), source, scope);
  }
  std::string data() const { return "{ plugin_data { trace = \"" + trace + "\" } }"; }
  std::shared_ptr<Instance> instance(const std::string& name) {
    for (const auto& scope : process.scopes()) {
      for (const auto& held : scope->instances()) {
        if (held->full_name() == name) return held;
      }
    }
    return nullptr;
  }

  TestPrefix prefix;
  Process& process;
  Supervisor supervisor;
  std::string trace;
  std::string log;
};

// One call of test.widget/1 as another plugin would make it.
struct Poked {
  signet_status code = SIGNET_UNKNOWN;
  std::string text;
  std::string emitted;
};
Poked poke(const signet_host* host, const char* name, const std::string& how,
           std::int64_t deadline = INT64_MAX) {
  struct Seen {
    Poked result;
    std::promise<void> done;
  } seen;
  const signet_sink sink = {sizeof(signet_sink), 0,
                            [](void* arg, std::uint32_t, const void* msg, std::size_t size) {
                              static_cast<Seen*>(arg)->result.emitted.append(
                                  static_cast<const char*>(msg), size);
                            },
                            [](void* arg, signet_status code, signet_str text) {
                              auto& s = *static_cast<Seen*>(arg);
                              s.result.code = code;
                              if (text.ptr != nullptr) s.result.text.assign(text.ptr, text.len);
                              s.done.set_value();
                            }};
  signet_handle* handle = nullptr;
  const signet_status found =
      kHostServices.acquire(host, "test.widget/1", {name, strlen(name)}, &handle);
  if (found != SIGNET_OK) return {found, "acquire", ""};
  signet_call* call = nullptr;
  signet_instance* self = nullptr;
  const void* vtable = nullptr;
  const signet_status begun =
      kHostServices.begin(handle, deadline, &sink, &seen, &call, &self, &vtable);
  if (begun == SIGNET_OK) {
    kHostServices.end(
        call, static_cast<const test_widget*>(vtable)->poke(self, call, {how.data(), how.size()}));
    seen.done.get_future().wait();
  } else {
    seen.result = {begun, "begin", ""};
  }
  kHostServices.release(handle);
  return seen.result;
}

TEST_F(Lifecycle, APluginOfALaterMinorWorksWithWhatItHasAddedToTheEndsOfThings) {
  ASSERT_TRUE(start("Widget \"newer\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  EXPECT_EQ(poke(host, "newer", "echo").emitted, "echo");
  EXPECT_EQ(load_plugin(prefix.plugin("widget-newer"), "").value()->note.abi_minor, 9);
}

TEST_F(Lifecycle, PluginsFindAndCallEachOther) {
  ASSERT_TRUE(start("Widget \"good\" {}\nWidget \"needy\" {}\nBase \"one\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  EXPECT_EQ(poke(host, "good", "echo").emitted, "echo");
  EXPECT_EQ(poke(host, "good", "pending").emitted, "later");
  const Poked failed = poke(host, "needy", "fail");
  EXPECT_EQ(failed.code, SIGNET_NOT_FOUND);
  EXPECT_EQ(failed.text, "no such widget");
  EXPECT_EQ(poke(host, "nobody", "echo").code, SIGNET_NOT_FOUND);
  EXPECT_EQ(poke(host, "", "echo").code, SIGNET_FAILED_PRECONDITION);  // two offer it
  EXPECT_EQ(poke(host, "good", "never", monotonic_ns() + 1'000'000).code, SIGNET_DEADLINE_EXCEEDED);
  std::string names;
  kHostServices.list(
      host, "test.widget/1",
      [](void* arg, signet_str name) {
        static_cast<std::string*>(arg)->append(name.ptr, name.len) += ' ';
      },
      &names);
  EXPECT_EQ(names, "good needy ");
}

TEST_F(Lifecycle, ARoleIsAskedOnceWhatItIs) {
  const std::string created = prefix.dir().file("created");
  setenv("SIGNET_TEST_CREATED", created.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(supervisor.describe(role())->block, "test");
  const Status started = start("Widget \"good\" {}");
  EXPECT_EQ(supervisor.describe(role())->block, "test");
  unsetenv("SIGNET_TEST_CREATED");  // NOLINT(concurrency-mt-unsafe)
  ASSERT_TRUE(started.ok()) << started.to_string();
  EXPECT_EQ(read_text(created), "created\ncreated\n") << "one to be asked, and the one that runs";
}

TEST_F(Lifecycle, APluginThatCompletesTwiceIsLoggedByName) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  EXPECT_EQ(poke(instance("test/role")->host(), "good", "double").code, SIGNET_OK);
  for (int i = 0; i < 1000 && read_text(log).find("emitted") == std::string::npos; ++i)
    usleep(5000);
  EXPECT_THAT(read_text(log), HasSubstr("msg=\"Plugin broke the contract\" plugin=test/Widget/good "
                                        "reason=\"completed a call that is over\""));
  EXPECT_THAT(read_text(log), HasSubstr("reason=\"emitted on a call that is over\""));
}

TEST_F(Lifecycle, ProvidersStartFirstAndStopLast) {
  ASSERT_TRUE(start("Widget \"needy\" " + data() + "\nBase \"one\" " + data()).ok());
  supervisor.stop_all();
  EXPECT_EQ(read_text(trace),
            "one configure\nneedy configure\nrole configure\none start\nneedy start\nrole start\n"
            "role drain\nrole stop\nneedy drain\nneedy stop\none drain\none stop\nneedy "
            "destroy\none destroy\n");
}

TEST_F(Lifecycle, AMissingNeedIsNamed) {
  EXPECT_THAT(start("Widget \"needy\" {}").message(),
              HasSubstr("Widget \"needy\" needs test.base/1, which no configured plugin offers"));
}

TEST_F(Lifecycle, ACycleIsNamedWithItsPath) {
  EXPECT_THAT(
      start("Widget \"looping\" {}\nLoop \"one\" {}").message(),
      HasSubstr("plugins need each other: Widget \"looping\" needs test.loop/1 of Loop \"one\", "
                "Loop \"one\" needs test.widget/1 of Widget \"looping\""));
}

TEST_F(Lifecycle, AnExceptionAtTheBorderIsAnErrorWithThePluginsName) {
  const std::string message =
      start("Widget \"good\" { plugin_data { throw_in = \"configure\" } }").message();
  EXPECT_THAT(message,
              HasSubstr("Widget \"good\": an exception crossed the plugin's border: boom"));
  EXPECT_TRUE(process.scopes().empty());
}

TEST_F(Lifecycle, TheNumberOfPluginsOfATypeIsChecked) {
  EXPECT_THAT(start("").message(), HasSubstr("plugins.Widget: a plugin of this type is required"));
  EXPECT_THAT(start("Widget \"good\" { enabled = false }").message(),
              HasSubstr("a plugin of this type is required"));
  EXPECT_THAT(start("Widget \"good\" {}\nLoop \"one\" {}\nLoop \"two\" { plugin_cmd = \"" +
                    prefix.plugin("loop-one") + "\" }")
                  .message(),
              HasSubstr("plugins.Loop: only 1 plugin of this type may be configured, 2 are"));
}

TEST_F(Lifecycle, TwoScopesKeepTheirInstancesApart) {
  ASSERT_TRUE(start("Widget \"good\" { plugin_data { colour = \"red\" } }").ok());
  ASSERT_TRUE(start("Widget \"good\" { plugin_data { colour = \"blue\" } }", "second").ok());
  EXPECT_THAT(poke(instance("test/role")->host(), "good", "config").emitted, HasSubstr("red"));
  EXPECT_THAT(poke(instance("second/role")->host(), "good", "config").emitted, HasSubstr("blue"));
  EXPECT_THAT(start("Widget \"good\" {}", "second").message(),
              HasSubstr("scope \"second\" runs already"));
  EXPECT_TRUE(supervisor.stop_scope("second").ok());
  EXPECT_EQ(supervisor.stop_scope("second").code(), Code::kNotFound);
}

TEST_F(Lifecycle, AStoppedPluginTakesNoCalls) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  const auto keep = instance("test/role");
  signet_handle* handle = nullptr;
  ASSERT_EQ(kHostServices.acquire(host, "test.widget/1", {"good", 4}, &handle), SIGNET_OK);
  supervisor.stop_all();
  signet_call* call = nullptr;
  signet_instance* self = nullptr;
  const void* vtable = nullptr;
  EXPECT_EQ(kHostServices.begin(handle, INT64_MAX, nullptr, nullptr, &call, &self, &vtable),
            SIGNET_UNAVAILABLE);
  kHostServices.release(handle);
}

TEST_F(Lifecycle, ReadinessIsThatOfAllSubsystems) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  EXPECT_EQ(kHostHealth.ready(host), 1u);
  kHostHealth.set(host, {"other", 5}, 1, 0, {nullptr, 0});
  EXPECT_EQ(kHostHealth.ready(host), 0u);
  EXPECT_FALSE(process.system()->ready());
  kHostHealth.set(host, {"other", 5}, 1, 1, {nullptr, 0});
  EXPECT_EQ(kHostHealth.ready(host), 1u);
  EXPECT_TRUE(process.system()->ready());
}

TEST_F(Lifecycle, PluginsSeeWhatTheScopeSharesAndWhereASettingStands) {
  ASSERT_TRUE(start("Widget \"good\" { plugin_data { colour = \"red\" } }").ok());
  const auto widget = instance("test/Widget/good");
  const signet_bytes shared = kHostConfig.shared(widget->host());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(shared.ptr), shared.len), R"({"realm":"r"})");
  const signet_str where = kHostConfig.locate(widget->host(), {"/colour", 7});
  EXPECT_THAT(std::string(where.ptr, where.len), HasSubstr("test.conf:3:"));
}

TEST_F(Lifecycle, SecretsAreReadInsideACallbackOnly) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  signet_secret* secret = nullptr;
  const std::string key(5000, 'k');
  ASSERT_EQ(kHostSecret.create(
                host, {reinterpret_cast<const std::uint8_t*>(key.data()), key.size()}, &secret),
            SIGNET_OK);
  std::string seen;
  kHostSecret.open(
      secret,
      [](void* arg, signet_bytes b) {
        static_cast<std::string*>(arg)->assign(reinterpret_cast<const char*>(b.ptr), b.len);
      },
      &seen);
  EXPECT_EQ(seen, key);
  const std::uint8_t* place = nullptr;
  kHostSecret.open(
      secret, [](void* arg, signet_bytes b) { *static_cast<const std::uint8_t**>(arg) = b.ptr; },
      &place);
  kHostSecret.ref(secret);
  kHostSecret.unref(secret);
  EXPECT_EQ(*place, 'k');
  kHostSecret.unref(secret);
  EXPECT_EQ(*place, 0);  // the page stays mapped for the next secret; what it held is gone
}

TEST_F(Lifecycle, BlobsAreCountedByReference) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  std::uint8_t* data = nullptr;
  signet_blob* blob = nullptr;
  ASSERT_EQ(kHostBlob.allocate(host, 3, SIGNET_BLOB_SECRET, &data, &blob), SIGNET_OK);
  std::ranges::copy(std::string_view("abc"), data);
  kHostBlob.ref(blob);
  kHostBlob.unref(blob);
  const signet_bytes bytes = kHostBlob.bytes(blob);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.ptr), bytes.len), "abc");
  kHostBlob.unref(blob);
}

TEST_F(Lifecycle, WhatAPluginMeasuresIsKeptByNameAndLabels) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  const signet_field label = {to_abi(std::string_view("method")), to_abi(std::string_view("x")), 0,
                              0, 0};
  const auto record = [&](std::uint32_t kind, std::string_view name, double value,
                          std::size_t labels = 0) {
    kHostMetrics.record(host, kind, to_abi(name), value, &label, labels);
  };
  record(SIGNET_METRIC_COUNTER, "test.calls", 1);
  record(SIGNET_METRIC_COUNTER, "test.calls", 2);
  record(SIGNET_METRIC_COUNTER, "test.calls", 5, 1);
  record(SIGNET_METRIC_GAUGE, "test.level", 3);
  record(SIGNET_METRIC_GAUGE, "test.level", 4);
  record(SIGNET_METRIC_SAMPLE, "test.seconds", 0.5);
  record(SIGNET_METRIC_SAMPLE, "test.seconds", 1.5);
  std::map<std::string, std::pair<double, std::uint64_t>> kept;
  process.metrics().each([&](const std::string& key, const Metrics::Series& series) {
    if (key.starts_with("test.")) kept[key] = {series.value, series.count};
  });
  EXPECT_EQ(kept, (std::map<std::string, std::pair<double, std::uint64_t>>{
                      {"test.calls", {3, 2}},
                      {"test.calls{method=x}", {5, 1}},
                      {"test.level", {4, 2}},
                      {"test.seconds", {2, 2}}}));
  EXPECT_EQ(process.metrics().dropped(), 0u);
  for (std::size_t n = 0; n <= Metrics::kMaxSeries; ++n)
    record(SIGNET_METRIC_COUNTER, "test.many." + std::to_string(n), 1);
  EXPECT_GT(process.metrics().dropped(), 0u);
}

TEST_F(Lifecycle, TimersRunAtTheirTimeAndNotOnceCancelled) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  const std::int64_t now = kHostClock.monotonic_ns(host);
  EXPECT_GT(kHostClock.wall_ns(host), std::int64_t{1'700'000'000} * 1'000'000'000);
  struct Fired {
    const signet_host* host;
    std::promise<std::int64_t> at;
  } fired{host, {}};
  const auto note = [](void* arg) {
    auto* f = static_cast<Fired*>(arg);
    f->at.set_value(kHostClock.monotonic_ns(f->host));
  };
  const auto never = [](void*) { ADD_FAILURE() << "a cancelled timer ran"; };
  constexpr std::int64_t kSoon = 20'000'000;
  std::uint64_t id = 0;
  std::uint64_t cancelled = 0;
  ASSERT_EQ(kHostTimer.start(host, now + kSoon / 2, 0, never, nullptr, &cancelled), SIGNET_OK);
  kHostTimer.cancel(host, cancelled);
  ASSERT_EQ(kHostTimer.start(host, now + kSoon, 0, note, &fired, &id), SIGNET_OK);
  EXPECT_NE(id, cancelled);
  EXPECT_GE(fired.at.get_future().get(), now + kSoon);
  kHostTimer.cancel(host, id);
}

TEST_F(Lifecycle, AnExecutorRunsWhatItTookAndRefusesMoreThanItsQueue) {
  ASSERT_TRUE(start("Widget \"good\" {}").ok());
  const signet_host* host = instance("test/role")->host();
  struct Work {
    std::promise<void> go;
    std::shared_future<void> gone{go.get_future()};
    std::atomic<std::size_t> ran{0};
  } work;
  const auto wait_and_count = [](void* arg) {
    auto* w = static_cast<Work*>(arg);
    w->gone.wait();
    ++w->ran;
  };
  std::size_t taken = 0;
  signet_status last = SIGNET_OK;
  while ((last = kHostExecutor.post(host, wait_and_count, &work)) == SIGNET_OK) ++taken;
  EXPECT_EQ(last, SIGNET_RESOURCE_EXHAUSTED);
  work.go.set_value();
  while (work.ran != taken) std::this_thread::yield();
}

}  // namespace
}  // namespace signet::kernel
