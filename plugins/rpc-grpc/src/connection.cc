#include "connection.h"

#include <atomic>
#include <unistd.h>
#include <utility>

#include <sys/socket.h>

#include "signet/host.h"

namespace signet::rpc_grpc {

void Peer::seal() {
  abi.address = to_abi(address);
  abi.id = id.empty() ? signet_str{} : to_abi(id);
  spans_.clear();
  for (const std::string& der : chain) spans_.push_back(bytes_to_abi(der));
  abi.chain = spans_.empty() ? nullptr : spans_.data();
  abi.chain_len = spans_.size();
}

Peer::Peer(const signet_rpc_acceptor* acceptor, void* self) : acceptor_(acceptor), self_(self) {
  abi.struct_size = sizeof abi;
  abi.pidfd = -1;
}

void Peer::accept(std::string verified_id, void* user) {
  id = std::move(verified_id);
  abi.user = user;
  seal();
  verified.store(true, std::memory_order_release);
}

Peer::~Peer() {
  if (verified && acceptor_ && SIGNET_HAS(acceptor_, signet_rpc_acceptor, closed))
    acceptor_->closed(self_, &abi);
  if (abi.pidfd >= 0) close(abi.pidfd);
}

Connection::~Connection() {
  if (socket >= 0) close(socket);
}

void Connection::shut_down() {
  if (socket >= 0) shutdown(socket, SHUT_RDWR);
}

uint64_t next_connection_number() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace signet::rpc_grpc
