#include "life/writes.h"

#include <algorithm>
#include <system_error>

namespace signet::kernel {
namespace {

namespace fs = std::filesystem;

// Without links, as far as it exists: a link in the path must not lead out of what was named.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  fs::path found = fs::weakly_canonical(whole, error);
  if (error) found = whole.lexically_normal();
  return found.has_filename() ? found : found.parent_path();  // "/a/" is "/a"
}

bool is_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

}  // namespace

bool Writes::add(const fs::path& folder) {
  const fs::path wanted = resolved(folder);
  const std::lock_guard lock(mutex_);
  if (!settled_) folders_.insert(wanted);
  return !settled_ || std::any_of(folders_.begin(), folders_.end(),
                                  [&](const fs::path& named) { return is_below(wanted, named); });
}

bool Writes::add_file(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return add(folder.empty() ? fs::path(".") : folder);
}

std::vector<std::string> Writes::settle() {
  const std::lock_guard lock(mutex_);
  settled_ = true;
  std::set<fs::path> existing;
  for (fs::path folder : folders_) {
    std::error_code error;
    while (!fs::is_directory(folder, error) && folder.has_relative_path())
      folder = folder.parent_path();
    existing.insert(folder);
  }
  folders_ = existing;
  return {existing.begin(), existing.end()};
}

}  // namespace signet::kernel
