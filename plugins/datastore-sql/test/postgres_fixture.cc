#include "postgres_fixture.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sstream>
#include <unistd.h>

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace signet::datastore_sql {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "PostgreSQL for tests: %s\n", why.c_str());
  std::abort();
}

std::string program(const char* name) {
  std::string best;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    const fs::path path = version.path() / "bin" / name;
    if (fs::exists(path, none)) best = std::max(best, path.string());
  }
  return best;
}

// PostgreSQL refuses to run as root: it gets a user without rights then.
struct Owner {
  uid_t uid = ::geteuid();
  gid_t gid = ::getegid();
};
Owner owner() {
  Owner out;
  if (out.uid != 0) return out;
  const passwd* user = ::getpwnam("postgres");
  if (!user) user = ::getpwnam("nobody");
  if (!user) give_up("no user to run it as");
  return {user->pw_uid, user->pw_gid};
}

pid_t spawn(const std::vector<std::string>& args, const std::string& log) {
  const Owner as = owner();
  std::vector<char*> argv;
  for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (::geteuid() == 0 &&
      (::setgroups(0, nullptr) != 0 || ::setgid(as.gid) != 0 || ::setuid(as.uid) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  ::setsid();                          // not the terminal's Ctrl-C, which the test gets too
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out >= 0) {
    ::dup2(out, 1);
    ::dup2(out, 2);
  }
  for (int fd = 3; fd < 256; ++fd) ::close(fd);
  if (::chdir("/") != 0) ::_exit(126);
  ::setenv("LC_ALL", "C", 1);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

void run(const std::vector<std::string>& args, const std::string& log) {
  const pid_t child = spawn(args, log);
  int state = 0;
  if (child < 0 || ::waitpid(child, &state, 0) != child || state != 0) {
    std::ifstream in(log);
    give_up(args[0] + " failed:\n" + std::string(std::istreambuf_iterator<char>(in), {}));
  }
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    give_up("no free port");
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string new_folder() {
  std::string folder = (fs::temp_directory_path() / "signet-pg-XXXXXX").string();
  if (!::mkdtemp(folder.data())) give_up("no temporary folder");
  const Owner as = owner();
  if (::geteuid() == 0 && ::chown(folder.c_str(), as.uid, as.gid) != 0) give_up("chown");
  ::chmod(folder.c_str(), 0755);  // the socket lies in it
  return folder;
}

// A data folder as initdb makes it, made once: copying it is much cheaper.
class Template {
 public:
  static const std::string& folder() {
    static const Template kTemplate;
    return kTemplate.folder_;
  }
  ~Template() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

 private:
  Template() : folder_(new_folder()) {
    run({program("initdb"), "-D", folder_ + "/data", "-U", "signet", "--auth=trust", "--no-sync",
         "--encoding=UTF8", "--locale=C", "--wal-segsize=1"},
        folder_ + "/initdb.log");
  }

  const std::string folder_;
};

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc", none)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string text;
    std::getline(in, text, '\0');  // a process that is gone by now is none of them
    const std::size_t paren = text.rfind(')');
    if (paren == std::string::npos || text.size() < paren + 4) continue;
    // ") S 1234 ...": after the name come the state and the parent.
    pid_t its_parent = 0;
    std::istringstream(text.substr(paren + 3)) >> its_parent;
    if (its_parent == parent) out.push_back(std::stoi(name));
  }
  return out;
}

}  // namespace

bool eventually(const std::function<bool()>& done) {
  for (int i = 0; i < 3000; ++i) {
    if (done()) return true;
    ::usleep(10'000);
  }
  return false;
}

bool PostgresServer::installed() { return !program("initdb").empty(); }

PostgresServer& PostgresServer::shared() {
  static PostgresServer server(Options{});
  return server;
}

void PostgresServer::make_folder() {
  folder_ = new_folder();
  port_ = free_port();
}

PostgresServer::PostgresServer(Options options) : options_(std::move(options)) {
  if (!installed()) give_up("not installed: apt-get install postgresql-15");
  make_folder();
  run({"/bin/cp", "-a", Template::folder() + "/data", folder_ + "/data"}, folder_ + "/copy.log");
  start();
}

std::unique_ptr<PostgresServer> PostgresServer::standby_of(const PostgresServer& primary) {
  std::unique_ptr<PostgresServer> standby(new PostgresServer());
  standby->options_ = primary.options_;
  standby->make_folder();
  run({program("pg_basebackup"), "-D", standby->folder_ + "/data", "-R", "-X", "stream", "-c",
       "fast", "--no-sync", "-h", primary.folder_, "-p", std::to_string(primary.port_), "-U",
       "signet"},
      standby->folder_ + "/basebackup.log");
  standby->start();
  return standby;
}

PostgresServer::~PostgresServer() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void PostgresServer::start() {
  std::vector<std::string> args = {
      program("postgres"),
      "-D",
      folder_ + "/data",
      "-k",
      folder_,
      "-p",
      std::to_string(port_),
      "-c",
      options_.tcp ? "listen_addresses=127.0.0.1" : "listen_addresses=",
      "-c",
      "max_connections=100"};
  if (!options_.durable) {
    for (const char* setting : {"fsync=off", "full_page_writes=off"}) {
      args.insert(args.end(), {"-c", setting});
    }
  }
  for (const auto& setting : options_.settings) args.insert(args.end(), {"-c", setting});
  pid_ = spawn(args, folder_ + "/server.log");
  if (pid_ < 0) give_up("fork");
  wait_ready();
}

void PostgresServer::wait_ready() const {
  const std::string how = "host=" + folder_ + " port=" + std::to_string(port_);
  const bool ready = eventually([&] {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return false;
    return PQping(how.c_str()) == PQPING_OK;
  });
  if (ready) return;
  std::ifstream in(folder_ + "/server.log");
  give_up("did not start:\n" + std::string(std::istreambuf_iterator<char>(in), {}));
}

void PostgresServer::signal_all(int signal) const {
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  for (const pid_t child : children_of(pid_)) ::kill(child, signal);
}

void PostgresServer::kill() {
  if (pid_ <= 0) return;
  const std::vector<pid_t> children = children_of(pid_);
  signal_all(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  // They are no children of ours, and must be gone before the next start.
  eventually([&] {
    return std::none_of(children.begin(), children.end(), [](pid_t child) {
      std::ifstream in("/proc/" + std::to_string(child) + "/cmdline");
      std::string words;
      std::getline(in, words, '\0');
      return words.find("postgres") != std::string::npos;
    });
  });
}

void PostgresServer::stop_fast() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void PostgresServer::pause() { signal_all(SIGSTOP); }
void PostgresServer::resume() { signal_all(SIGCONT); }

void PostgresServer::promote() {
  sql("postgres", "SELECT pg_promote(true, 30)");
  if (sql("postgres", "SELECT pg_is_in_recovery()") != "f") give_up("standby was not promoted");
}

std::string PostgresServer::where(const std::string& database) const {
  return "host=" + folder_ + " port=" + std::to_string(port_) + " user=signet dbname=" + database;
}

std::string PostgresServer::new_database() {
  const std::string name = "test" + std::to_string(++databases_);
  sql("postgres", "CREATE DATABASE " + name);
  return where(name);
}

std::string PostgresServer::sql(const std::string& database, const std::string& text) const {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(where(database).c_str()),
                                                             &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(session.get(), text.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    give_up(text + ": " + PQerrorMessage(session.get()));
  }
  const int rows = PQntuples(result.get());
  return rows > 0 ? PQgetvalue(result.get(), rows - 1, 0) : "";
}

namespace {

constexpr const char* kPgbouncer = "/usr/sbin/pgbouncer";

}  // namespace

bool Pooler::installed() { return fs::exists(kPgbouncer); }

Pooler::Pooler(const PostgresServer& server) : folder_(new_folder()), port_(free_port()) {
  std::ofstream(folder_ + "/users") << "\"signet\" \"\"\n";
  std::ofstream(folder_ + "/pgbouncer.ini")
      << "[databases]\n* = host=" << server.folder() << " port=" << server.port()
      << "\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = " << folder_
      << "\nlisten_port = " << port_ << "\nauth_type = trust\nauth_file = " << folder_
      << "/users\npool_mode = transaction\ndefault_pool_size = 3\n";
  pid_ = spawn({kPgbouncer, folder_ + "/pgbouncer.ini"}, folder_ + "/pgbouncer.log");
  const std::string how = where("postgres");
  if (!eventually([&] { return PQping(how.c_str()) == PQPING_OK; })) give_up("no pgbouncer");
}

Pooler::~Pooler() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Pooler::where(const std::string& database) const {
  return "host=" + folder_ + " port=" + std::to_string(port_) + " user=signet dbname=" + database;
}

PostgresStore::Options store_options(const std::string& where) {
  PostgresStore::Options options;
  auto parsed = ConnectionString::parse(where, {});
  if (!parsed) give_up(parsed.status().to_string());
  options.where = *parsed;
  return options;
}

std::string database_of(const std::string& where) { return where.substr(where.rfind('=') + 1); }

}  // namespace signet::datastore_sql
