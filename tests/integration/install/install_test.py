"""cmake --install: what lies below the prefix runs from there, and other programs build against it."""

import os
import signal
import stat
import unittest

from harness import paths, tutorial
from harness.case import TestCase, needs_signet
from harness.process import run

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(signet REQUIRED)
find_package(SignetWorkloadClient REQUIRED COMPONENTS grpc)
add_executable(who-am-i who-am-i.cc)
target_link_libraries(who-am-i PRIVATE signet::workload-client-grpc)
add_library(badge MODULE src/entry.cc)
target_link_libraries(badge PRIVATE signet::sdk)
target_link_options(badge PRIVATE -Wl,--version-script=${SIGNET_PLUGIN_MAP})
"""

PROGRAM = """
#include <cstdio>

#include "workload_client/endpoint.h"
#include "workload_client/grpc_transport.h"
#include "workload_client/x509_source.h"

int main() {
  using namespace signet::workload_client;
  const auto endpoint = endpoint_from_environment();
  if (!endpoint.ok()) return 2;
  const auto transport = make_grpc_transport(*endpoint);
  X509Source source(*transport);
  if (const auto ready = source.wait(std::chrono::seconds(10)); !ready.ok()) return 3;
  std::puts(source.current()->default_svid().spiffe_id.to_string().c_str());
}
"""


@needs_signet
@unittest.skipIf("ASAN_OPTIONS" in os.environ, "a sanitizer build is not installed")
class Install(TestCase):
    def must(self, *words, env=None):
        done = run(words, seconds=300, env=env)
        self.assertEqual(done.code, 0, done)
        return done

    def test_it_runs_from_the_prefix_and_other_programs_build_against_it(self):
        prefix, outside = self.folder / "prefix", self.folder / "outside"
        before = os.umask(0o002)  # as many people's; nothing may be writable for the group all the same
        try:
            self.must("cmake", "--install", paths.BUILD, "--prefix", prefix)
        finally:
            os.umask(before)
        for path in [prefix / "bin", *(prefix / "lib").rglob("*")]:
            self.assertEqual(stat.S_IMODE(path.lstat().st_mode) & 0o022, 0, path)

        outside.mkdir()
        for name, text in (("CMakeLists.txt", PROJECT), ("who-am-i.cc", PROGRAM)):
            (outside / name).write_text(text)
        tutorial.write_sources(outside / "src")
        self.must("cmake", "-S", outside, "-B", outside / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
                  "-DCMAKE_CXX_FLAGS=-O0")
        self.must("cmake", "--build", outside / "build")
        inspected = self.must(prefix / "bin" / "signet", "plugin", "inspect", outside / "build" / "libbadge.so")
        self.assertIn("workloadattestor-badge", inspected.out)

        state = self.folder / "state"
        dev = self.spawn("dev", [prefix / "bin" / "signet", "dev", "-dataDir", state])
        dev.wait_log("Ctrl-C ends it.")
        asked = self.must(outside / "build" / "who-am-i",
                          env={"SPIFFE_ENDPOINT_SOCKET": f"unix://{state}/agent.sock"})
        self.assertRegex(asked.out, r"^spiffe://example\.org/dev/\w+\n$")
        dev.popen.send_signal(signal.SIGINT)
        self.assertEqual(dev.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
