// TestCgroup: a cgroup of a test's own, with what the test makes below it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace signet::fakes {

class TestCgroup {
 public:
  TestCgroup() {
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      std::error_code error;
      if (!std::filesystem::exists(std::string(root) + "/cgroup.procs", error)) continue;
      std::string made = std::string(root) + "/signet-test-XXXXXX";
      if (mkdtemp(made.data()) == nullptr) continue;
      made_.push_back(made);
      return;
    }
  }
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;
  /// Its processes must have ended.
  ~TestCgroup() {
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) rmdir(folder->c_str());
  }

  /// Moves a process into the cgroup "a/b" below, which is made where there is none.
  /// False: the kernel does not let the test do it.
  bool move(pid_t pid, const std::string& below) {
    if (made_.empty()) return false;
    for (std::size_t end = 0; end != std::string::npos;) {
      end = below.find('/', end + 1);
      const std::string folder = made_.front() + "/" + below.substr(0, end);
      std::error_code error;
      if (std::filesystem::create_directory(folder, error)) made_.push_back(folder);
    }
    std::ofstream procs(made_.front() + "/" + below + "/cgroup.procs");
    procs << pid << std::flush;
    return procs.good();
  }

 private:
  std::vector<std::string> made_;  // each after the one that it is in
};

}  // namespace signet::fakes
