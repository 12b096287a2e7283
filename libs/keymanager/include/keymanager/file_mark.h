// FileMark: how a file looked when it was read, to see whether it is to be read again.
#pragma once

#include <cstdint>
#include <filesystem>

namespace signet::keymanager {

struct FileMark {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = -1, modified_ns = 0;  // -1: the file is not there
  bool operator==(const FileMark&) const = default;

  /// Take it before the file is read: a change while it is read is then seen the next time.
  static FileMark of(const std::filesystem::path& path);
};

}  // namespace signet::keymanager
