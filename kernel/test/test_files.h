// Temporary folders and files that a test leaves nothing of.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <string>

#include <sys/stat.h>

namespace signet::kernel {

class TempDir {
 public:
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "signet-kernel-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    chmod(file(name).c_str(), 0644);
    return file(name);
  }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A prefix like an installed one: bin/signet, lib/signet/plugins with the named test plugins.
class TestPrefix {
 public:
  explicit TestPrefix(std::initializer_list<const char*> plugins) {
    std::filesystem::create_directories(plugin_dir());
    for (const char* name : plugins) add(name);
    for (const char* part : {"", "/lib", "/lib/signet", "/lib/signet/plugins"}) {
      chmod((dir_.path() + part).c_str(), 0755);
    }
  }
  void add(const std::string& name, const std::string& as = "") {
    const std::string to = plugin_dir() + "/" + (as.empty() ? name : as) + ".so";
    std::filesystem::copy_file(std::string(SIGNET_TEST_PLUGINS) + "/" + name + ".so", to);
    chmod(to.c_str(), 0755);
  }
  std::string executable() {
    std::string to = dir_.file("bin/signet");
    if (!std::filesystem::exists(to)) {
      std::filesystem::create_directories(dir_.file("bin"));
      std::filesystem::copy_file(SIGNET_EXECUTABLE, to);
    }
    return to;
  }
  std::string library_dir() const { return dir_.file("lib"); }
  std::string plugin_dir() const { return dir_.file("lib/signet/plugins"); }
  std::string plugin(const std::string& name) const { return plugin_dir() + "/" + name + ".so"; }
  const TempDir& dir() const { return dir_; }

 private:
  TempDir dir_;
};

}  // namespace signet::kernel
