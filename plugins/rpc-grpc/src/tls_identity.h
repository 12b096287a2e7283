// TlsIdentity: the certificate a listener or channel presents, where gRPC looks for it.
//
// gRPC 1.51 reloads a certificate only from files. Ours is a memfd, named by /proc/self/fd: one
// file for both halves, "engine:signet:7:" and then the certificates as PEM, so that a reader
// that sees the first line of one version sees the chain of the same. gRPC looks once a second.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/security/tls_certificate_provider.h>

#include "acceptor_call.h"
#include "tls_engine.h"

namespace signet::rpc_grpc {

class TlsIdentity : public std::enable_shared_from_this<TlsIdentity> {
 public:
  TlsIdentity(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self)
      : owner_(owner), acceptor_(acceptor), self_(self) {}
  ~TlsIdentity();

  /// Asks the acceptor and waits. From a worker. NOT_FOUND when there is none.
  Status load();
  /// Asks again, on a worker; the next handshake after gRPC's look presents the answer. On an
  /// error the old one stays and the log says so.
  void reload();
  /// Waits for a reload under way; none starts afterwards.
  void stop();
  bool loaded() const;
  /// After load().
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider() const;

 private:
  Status install(const Identity& identity);
  void ask(std::function<void(Status)> done);

  const Owner owner_;
  const signet_rpc_acceptor& acceptor_;
  void* const self_;
  mutable std::mutex mutex_;
  std::condition_variable quiet_;
  int fd_ = -1;
  bool stopping_ = false;
  bool asking_ = false;
  bool ask_again_ = false;
  std::unique_ptr<EngineKey> key_;
  std::unique_ptr<EngineKey> old_key_;  // gRPC may still hold the file's last version
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;
};

/// One certificate as PEM.
std::string to_pem(std::string_view der);
/// The certificates of a PEM text as DER; empty when one cannot be read.
std::vector<std::string> from_pem(std::string_view pem);

}  // namespace signet::rpc_grpc
