// The executable as a child process, for the tests of it, and the least configuration of its role.
#pragma once

#include <chrono>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "test_files.h"

namespace signet::kernel {

// A child process whose stdout and stderr go to files.
class Child {
 public:
  Child(TestPrefix& prefix, std::vector<std::string> argv, std::vector<std::string> env = {},
        const std::string& called = "")
      : out_(prefix.dir().file("out." + std::to_string(++count_))),
        err_(prefix.dir().file("err." + std::to_string(count_))) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const std::string executable = prefix.executable();
    std::vector<std::string> words = {called.empty() ? executable : called};
    words.insert(words.end(), argv.begin(), argv.end());
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    env.push_back("PATH=/usr/bin:/bin");
    std::vector<char*> environment;
    for (auto& variable : env) environment.push_back(variable.data());
    environment.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, executable.c_str(), &actions, nullptr, pointers.data(),
                          environment.data()),
              0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  void signal(int number) const { kill(pid_, number); }
  pid_t pid() const { return pid_; }
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  std::string out() const { return read_text(out_); }
  std::string err() const { return read_text(err_); }
  // Waits until what() holds `text`; false after ten seconds.
  template <typename What>
  static bool until(What what, const std::string& text) {
    for (int i = 0; i < 1000; ++i) {
      if (what().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool until_out(const std::string& text) const {
    return until([this] { return out(); }, text);
  }

 private:
  static inline int count_ = 0;
  std::string out_;
  std::string err_;
  pid_t pid_ = -1;
};

inline std::string config(const std::string& extra_test = "",
                          const std::string& plugins = "Widget \"good\" { plugin_data {} }") {
  return "test {\n  realm = \"r\"\n" + extra_test + "\n}\nplugins {\n" + plugins + "\n}\n";
}

}  // namespace signet::kernel
