// Calls that a test makes by hand.
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <sys/syscall.h>

#include "signet/host.h"

#include "local_exchange.h"

namespace signet::fakes {
namespace {

std::uint64_t own_start_time() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  for (int field = 3; field <= 22; ++field) rest >> word;
  return std::stoull(word);
}

}  // namespace

signet_rpc_peer this_process() {
  static const int kPidfd = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  signet_rpc_peer peer{};
  peer.struct_size = sizeof peer;
  peer.transport = SIGNET_RPC_UNIX;
  peer.pid = getpid();
  peer.pidfd = kPidfd;
  peer.uid = getuid();
  peer.gid = getgid();
  peer.start_time = own_start_time();
  return peer;
}

signet_rpc_peer tls_peer(const std::string& address) {
  signet_rpc_peer peer{};
  peer.struct_size = sizeof peer;
  peer.transport = SIGNET_RPC_TLS;
  peer.pidfd = -1;
  peer.address = to_abi(address);
  return peer;
}

std::unique_ptr<LocalRpc::Call> LocalRpc::begin(const std::string& method, std::string first,
                                                bool only, Headers headers,
                                                const LocalCaller& caller) {
  auto exchange = std::make_shared<Exchange>();
  exchange->method = method;
  exchange->headers = std::move(headers);
  exchange->server.inbox.push_back(std::move(first));
  exchange->server.closing = only;
  exchange->connection = std::make_shared<Connection>();
  Connection& connection = *exchange->connection;
  connection.chain = caller.chain;
  connection.address = caller.address;
  connection.peer =
      caller.tls || !caller.chain.empty() ? tls_peer(connection.address) : this_process();
  {
    const std::lock_guard lock(mutex_);
    connections_.push_back(exchange->connection);
    exchanges_.push_back(exchange);
    changed_.notify_all();
  }
  std::unique_ptr<Call> call(new Call(*this, std::move(exchange)));
  run();
  return call;
}

std::unique_ptr<LocalRpc::Call> LocalRpc::call(const std::string& method, std::string request,
                                               Headers headers, const LocalCaller& caller) {
  return begin(method, std::move(request), true, std::move(headers), caller);
}

std::unique_ptr<LocalRpc::Call> LocalRpc::open(const std::string& method, std::string first,
                                               Headers headers, const LocalCaller& caller) {
  return begin(method, std::move(first), false, std::move(headers), caller);
}

LocalRpc::Call::Call(LocalRpc& rpc, std::shared_ptr<Exchange> exchange)
    : rpc_(rpc), exchange_(std::move(exchange)) {}

LocalRpc::Call::~Call() {
  std::unique_lock lock(rpc_.mutex_);
  exchange_->cancelled = true;
  exchange_->end(Code::kCancelled, "cancelled");
  rpc_.changed_.notify_all();
  rpc_.until(lock, [&] { return exchange_->over() && !exchange_->busy; });
  const auto own = [&](const Connection& c) { return &c == exchange_->connection.get(); };
  rpc_.end_connections(lock, own);
  rpc_.connections_.remove(exchange_->connection);
}

void LocalRpc::Call::send(std::string message) {
  {
    const std::lock_guard lock(rpc_.mutex_);
    exchange_->server.inbox.push_back(std::move(message));
    rpc_.changed_.notify_all();
  }
  rpc_.run();
}

void LocalRpc::Call::half_close() {
  {
    const std::lock_guard lock(rpc_.mutex_);
    exchange_->server.closing = true;
    rpc_.changed_.notify_all();
  }
  rpc_.run();
}

void LocalRpc::Call::cancel() {
  {
    const std::lock_guard lock(rpc_.mutex_);
    exchange_->cancelled = true;
    exchange_->end(Code::kCancelled, "cancelled");
    rpc_.changed_.notify_all();
  }
  rpc_.run();
}

void LocalRpc::Call::stop_reading() {
  const std::lock_guard lock(rpc_.mutex_);
  exchange_->client.stalled = true;
}

void LocalRpc::Call::read_on() {
  {
    const std::lock_guard lock(rpc_.mutex_);
    exchange_->client.stalled = false;
    rpc_.changed_.notify_all();
  }
  rpc_.run();
}

std::vector<std::string> LocalRpc::Call::messages() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->seen;
}

bool LocalRpc::Call::over() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->over();
}

Code LocalRpc::Call::code() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->over() ? exchange_->outcome->code : Code::kOk;
}

std::string LocalRpc::Call::words() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->over() ? exchange_->outcome->words : "";
}

std::string LocalRpc::Call::detail() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->over() ? exchange_->outcome->detail : "";
}

std::multimap<std::string, std::string> LocalRpc::Call::audit() const {
  const std::lock_guard lock(rpc_.mutex_);
  return exchange_->audit;
}

}  // namespace signet::fakes
