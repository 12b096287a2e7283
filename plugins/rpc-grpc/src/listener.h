// Listener: one socket, its methods, its server and its connections.
//
// Connections are accepted here, not by gRPC: that is the only way to know the process behind a
// Unix socket, and it puts the limits per address in one place. gRPC then gets the descriptor, or,
// for a Unix socket, our own server (h2_connection.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "connection.h"
#include "h2_connection.h"
#include "options.h"
#include "server_stream.h"
#include "unix_listener.h"

namespace signet::rpc_grpc {

class TlsServer;

class Listener final : public grpc::CallbackGenericService,
                       public H2Service,
                       public std::enable_shared_from_this<Listener> {
 public:
  Listener(const signet_host* owner, Endpoint endpoint, ServerOptions options,
           const signet_rpc_acceptor* acceptor, void* self);
  ~Listener() override;

  /// Takes the address: a TCP port is bound now, so that its number is known.
  Status listen();
  std::string address() const;
  Status handle(std::string_view method, const signet_rpc_handler* handler, void* self);
  /// Binds a Unix path, starts gRPC and lets callers in.
  Status serve();
  void identity_changed();
  void disconnect(std::string_view id);
  /// Stops accepting at once; `done` when the last call is over, at the latest soon after the
  /// deadline, when what still runs is cancelled. Once.
  void close(int64_t deadline_ns, std::function<void()> done);

 private:
  friend class TlsServer;
  static constexpr int kBacklog = 4096;

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;
  // For our own server, see h2_connection.h.
  const Owner& owner() const override { return owner_; }
  const ServerOptions& options() const override { return options_; }
  const Method* find_method(const std::string& path) const override;
  std::string unknown_method_words(const std::string& path) const override;
  void call_began() override;
  void call_ended() override;
  void connection_ended(const ConnectionPtr& connection) override;
  static std::string key_of(const Connection& connection);
  void enter_own(const ConnectionPtr& connection);
  /// Lets calls end until the deadline, then closes what is left; blocks.
  void drain_own(int64_t deadline_ns);

  Status start_grpc();
  void accept_ready();
  void accept_unix(int fd);
  void accept_tcp(int fd);
  bool admit(int fd, const std::string& ip);
  /// Registers the connection under the key by which its calls will name it, then hands it over.
  void enter(ConnectionPtr connection, std::string key, int fd);
  void hand_over(const ConnectionPtr& connection, int fd);
  void leave(const std::string& key, const ConnectionPtr& connection);
  ConnectionPtr find(const std::string& key);
  grpc::ServerGenericBidiReactor* refuse(grpc::StatusCode code, std::string message);

  const Owner owner_;
  const Endpoint endpoint_;
  const ServerOptions options_;
  const signet_rpc_acceptor* const acceptor_;
  void* const self_;
  int fd_ = -1;
  BoundSocket unix_socket_;
  uint16_t port_ = 0;
  uint64_t token_ = 0;
  std::unordered_map<std::string, Method> methods_;
  std::unique_ptr<TlsServer> tls_;
  std::unique_ptr<grpc::Server> server_;  // none when the server is our own
  bool serving_ = false;
  bool own_http2_ = false;

  std::mutex mutex_;
  std::condition_variable quiet_;
  bool closing_ = false;
  std::size_t open_calls_ = 0;
  std::size_t pending_ = 0;  // verdicts asked for and not given yet
  std::unordered_map<std::string, ConnectionPtr> connections_;  // by gRPC's name of the peer
  std::unordered_map<std::string, int> per_ip_;
};

}  // namespace signet::rpc_grpc
