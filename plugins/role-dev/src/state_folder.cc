#include "state_folder.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "keymanager/private_file.h"

namespace signet::dev {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxAgentData = 8 * 1024 * 1024;

Status failed(const std::string& what, int error) {
  return Status::failed_precondition(what + ": " + std::strerror(error));
}

Status make_private(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("cannot make " + path, errno);
  return {};
}

Status check_length(const std::string& socket_path, const char* remedy) {
  constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  if (socket_path.size() <= kMax) return {};
  return Status::failed_precondition(socket_path + ": a socket's path has at most " +
                                     std::to_string(kMax) + " bytes, this one would have " +
                                     std::to_string(socket_path.size()) + "; choose a shorter " +
                                     remedy);
}

std::string agent_data_file(const std::string& folder) { return folder + "/agent-data.json"; }

}  // namespace

Result<StateFolder> StateFolder::open(const std::string& path, const TrustDomain& trust_domain,
                                      const std::string& socket_path) {
  StateFolder folder;
  SIGNET_RETURN_IF_ERROR(folder.make(path));
  folder.workload_socket_ = socket_path.empty() ? folder.root_ + "/agent.sock" : socket_path;
  SIGNET_RETURN_IF_ERROR(check_length(folder.admin_socket(), "-dataDir"));
  SIGNET_RETURN_IF_ERROR(
      check_length(folder.workload_socket_, socket_path.empty() ? "-dataDir" : "-socketPath"));
  SIGNET_RETURN_IF_ERROR(folder.take_lock(trust_domain));
  SIGNET_RETURN_IF_ERROR(make_private(folder.server_data()));
  SIGNET_RETURN_IF_ERROR(make_private(folder.agent_data()));
  return folder;
}

StateFolder::~StateFolder() {
  if (lock_ >= 0) close(lock_);
}

Status StateFolder::make(const std::string& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) return Status::failed_precondition("cannot make " + path + ": " + error.message());
  // Other users may reach the Workload API in it, whatever the umask; the state has folders of
  // its own.
  if (made && chmod(path.c_str(), 0755) != 0)
    return failed("cannot set the mode of " + path, errno);
  // The transport follows no symbolic link on its way to a socket.
  root_ = fs::canonical(path, error).string();
  if (error) return Status::failed_precondition(path + ": " + error.message());
  return {};
}

// The lock file holds the name of the trust domain. The lock ends with the process, the file stays.
Status StateFolder::take_lock(const TrustDomain& trust_domain) {
  const std::string path = root_ + "/trust_domain";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return failed("cannot open " + path, errno);
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("cannot lock " + path, errno);
    return Status::failed_precondition("another signet dev is running in " + root_ +
                                       "; use that one, or choose another -dataDir");
  }
  std::array<char, TrustDomain::kMaxLength + 2> text{};
  const ssize_t n = pread(lock_, text.data(), text.size(), 0);
  if (n < 0) return failed("cannot read " + path, errno);
  std::string_view kept(text.data(), static_cast<std::size_t>(n));
  if (kept.ends_with('\n')) {  // else the write below did not get to its end
    kept.remove_suffix(1);
    if (kept == trust_domain.name()) return {};
    return Status::failed_precondition(root_ + " holds the state of the trust domain " +
                                       std::string(kept) + ", not of " + trust_domain.name() +
                                       "; choose another -dataDir");
  }
  const std::string line = trust_domain.name() + "\n";
  if (pwrite(lock_, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    return failed("cannot write " + path, errno);
  }
  return {};
}

bool StateFolder::agent_has_svid() const {
  if (access((agent_data() + "/keys.json").c_str(), R_OK) != 0) return false;
  const auto text = keymanager::read_private_file(agent_data_file(agent_data()), kMaxAgentData);
  if (!text) return false;
  const auto data = nlohmann::json::parse(text->text(), nullptr, false);
  const auto svid = data.is_object() ? data.find("svid") : data.end();
  return svid != data.end() && svid->is_array() && !svid->empty();
}

Status StateFolder::forget_agent() const {
  const std::string path = agent_data_file(agent_data());
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove " + path, errno);
  return {};
}

}  // namespace signet::dev
