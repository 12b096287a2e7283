#include "keymanager/file_mark.h"

#include <sys/stat.h>

namespace signet::keymanager {

FileMark FileMark::of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

}  // namespace signet::keymanager
