// ClientConnection: what `signet_rpc_conn *` points at, a gRPC channel and its open calls.
//
// Behind names there may be several servers. A channel to them knows the addresses in an order of
// its own and uses the first that answers. When its connection is gone (the server closed it, asks
// to go away, or died) the next call looks the names up again and makes another channel, in another
// order; calls under way stay on theirs.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "addresses.h"
#include "connection.h"
#include "options.h"
#include "runtime.h"
#include "stream.h"

namespace signet::rpc_grpc {

class ClientStream;
class TlsClient;

class ClientConnection {
 public:
  static ClientConnection* from_abi(signet_rpc_conn* c) {
    return reinterpret_cast<ClientConnection*>(c);
  }
  signet_rpc_conn* abi() { return reinterpret_cast<signet_rpc_conn*>(this); }

  static Result<std::unique_ptr<ClientConnection>> create(const signet_host* owner,
                                                          const Endpoint& endpoint,
                                                          const ClientOptions& options,
                                                          const signet_rpc_acceptor* acceptor,
                                                          void* self);
  ~ClientConnection();  // as hang_up()

  signet_status call(std::string method, int64_t deadline_ns, const signet_rpc_header* headers,
                     std::size_t header_count, const signet_rpc_handler* handler, void* st,
                     signet_blob* first, signet_rpc_stream** out);

  const Owner& owner() const { return owner_; }
  /// Words for a call that failed because the server was not trusted; "" otherwise.
  std::string verify_failure() const;
  PeerPtr peer() const;
  void stream_ended(ClientStream* stream);

 private:
  ClientConnection(const signet_host* owner, Endpoint endpoint, ClientOptions options);
  grpc::ChannelArguments arguments(std::size_t addresses) const;
  Result<std::shared_ptr<grpc::Channel>> make_channel();
  /// Whether the next call should look for a server anew.
  bool lost() const;
  /// Makes a channel, apart from workers, then starts what waits for it.
  void prepare();
  void start_waiting(Result<std::shared_ptr<grpc::Channel>> channel);

  const Owner owner_;
  std::unique_ptr<TlsClient> tls_;                         // outlives the channels
  std::shared_ptr<grpc::ChannelCredentials> credentials_;  // of whoever prepares
  KnownAddresses addresses_;                               // likewise
  const Endpoint endpoint_;
  const ClientOptions options_;
  std::mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_;
  int64_t channel_made_ns_ = 0;
  std::condition_variable quiet_;
  bool closing_ = false;
  bool preparing_ = false;
  std::vector<ClientStream*> waiting_;  // for the channel
  std::unordered_set<ClientStream*> streams_;
};

}  // namespace signet::rpc_grpc
