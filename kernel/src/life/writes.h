// Writes: where the plugins of a process say that they will write.
#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace signet::kernel {

class Writes {
 public:
  /// The folder will be written; false when that was settled without it.
  bool add(const std::filesystem::path& folder);
  /// The file, and what is made beside it.
  bool add_file(const std::filesystem::path& file);

  /// What was named, of a folder that does not exist the nearest one above that does: there it
  /// will be made. From here on nothing else can be added.
  std::vector<std::string> settle();

 private:
  std::mutex mutex_;
  std::set<std::filesystem::path> folders_;  // absolute
  bool settled_ = false;
};

}  // namespace signet::kernel
