#include "engine.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "answers.h"
#include "http/get.h"

namespace signet::docker {
namespace {

// What Docker takes in a path; "." and ".." would lead elsewhere in its API.
bool may_be_id(const std::string& id) {
  constexpr std::size_t kMost = 128;
  return !id.empty() && id.size() <= kMost && id.front() != '.' &&
         id.find_first_not_of(
             "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "_.-:") == std::string::npos;
}

}  // namespace

Result<Engine> Engine::open(const std::string& path, std::optional<std::uint32_t> owner,
                            std::string version) {
  Fd socket(::open(path.c_str(), O_PATH | O_CLOEXEC | (owner ? O_NOFOLLOW : 0)));
  if (!socket) {
    return Status(errno == EACCES ? Code::kPermissionDenied : Code::kUnavailable,
                  "cannot open " + path + ": " + std::generic_category().message(errno));
  }
  struct stat info {};
  if (::fstat(socket.get(), &info) != 0 || !S_ISSOCK(info.st_mode))
    return Status::unavailable(path + " is not a socket");
  if (owner && info.st_uid != *owner) {
    return Status(Code::kPermissionDenied,
                  path + " is not a socket of the user with the number " + std::to_string(*owner));
  }
  Engine engine(path, std::move(socket), std::move(version));
  if (::faccessat(AT_FDCWD, engine.held().c_str(), W_OK, AT_EACCESS) != 0 && errno == EACCES)
    return Status(Code::kPermissionDenied, "no permission to connect to " + path);
  return engine;
}

std::string Engine::held() const { return "/proc/self/fd/" + std::to_string(socket_.get()); }

Result<std::string> Engine::inspect_container(const std::string& id,
                                              std::chrono::milliseconds timeout) const {
  return get("/containers/", id, timeout);
}

Result<std::string> Engine::inspect_image(const std::string& id,
                                          std::chrono::milliseconds timeout) const {
  return get("/images/", id, timeout);
}

Result<std::string> Engine::get(const char* kind, const std::string& id,
                                std::chrono::milliseconds timeout) const {
  if (!may_be_id(id)) return Status::invalid_argument("\"" + id + "\" cannot be an ID");
  http::GetRequest request;
  request.url = "http://localhost";
  if (!version_.empty()) request.url.append("/v").append(version_);
  request.url.append(kind).append(id).append("/json");
  request.unix_socket = held();
  request.max_bytes = kMaxAnswerBytes;
  request.timeout = timeout;
  auto answer = http::get(request);
  if (!answer) return answer.status().prefixed(path_);
  return answer;
}

}  // namespace signet::docker
