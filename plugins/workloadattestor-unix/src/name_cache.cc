#include "name_cache.h"

#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <vector>

namespace signet::unix_attestor {
namespace {

constexpr std::size_t kMaxBuffer = std::size_t{4} << 20;  // a group may list thousands of users

// get(id, entry*, buffer, size, entry**) is getpwuid_r or getgrgid_r.
template <typename Entry, typename Get, typename Name>
NameLookup look_up(std::uint32_t id, Get get, Name name_of) {
  std::vector<char> buffer(1024);
  while (true) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = get(id, &entry, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error == ERANGE && buffer.size() < kMaxBuffer) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (found != nullptr) return {std::string(name_of(*found)), false};
    // POSIX has 0 for "no such id"; systems also use these.
    const bool absent =
        error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    return {std::nullopt, !absent};
  }
}

}  // namespace

NameLookup look_up_user(std::uint32_t uid) {
  return look_up<passwd>(uid, ::getpwuid_r, [](const passwd& user) { return user.pw_name; });
}

NameLookup look_up_group(std::uint32_t gid) {
  return look_up<group>(gid, ::getgrgid_r, [](const group& g) { return g.gr_name; });
}

std::optional<std::string> NameCache::find(std::uint32_t id, std::int64_t now_ns) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && now_ns < found->second.until_ns) return found->second.name;
  }
  NameLookup fresh = look_up_(id);
  if (fresh.failed) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxEntries) entries_.clear();
  entries_.insert_or_assign(id, Entry{fresh.name, now_ns + kLifetime.count()});
  return std::move(fresh.name);
}

}  // namespace signet::unix_attestor
