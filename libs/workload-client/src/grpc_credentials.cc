#include "workload_client/grpc_credentials.h"

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "identity_file.h"
#include "peer_check.h"
#include "x509/pem.h"

namespace signet::workload_client {
namespace {

constexpr unsigned kLookEverySeconds = 1;  // gRPC counts in whole seconds

using FileProvider = grpc::experimental::FileWatcherCertificateProvider;

// The identity file kept current, and gRPC's watcher of it.
class Shown {
 public:
  static Result<std::unique_ptr<Shown>> create(const std::shared_ptr<Feed<X509Context>>& feed) {
    const X509ContextPtr now = feed->current();
    if (!now) return Status::failed_precondition("the source has no identity yet: wait() for it");
    SIGNET_TRY(auto file, IdentityFile::create(now->default_svid()));
    auto shown = std::unique_ptr<Shown>(new Shown(std::move(file)));
    shown->subscription_ = feed->subscribe([&file = *shown->file_](const X509ContextPtr& next) {
      // Without memory for a new file the old one stays, until the next identity.
      (void)file.replace(next->default_svid()).ok();
    });
    return shown;
  }
  const std::shared_ptr<FileProvider>& provider() const { return provider_; }

 private:
  // As roots the file serves too: nobody asks them, but without any gRPC reads all the system's.
  explicit Shown(std::unique_ptr<IdentityFile> file)
      : file_(std::move(file)),
        provider_(std::make_shared<FileProvider>(file_->path(), file_->path(), file_->path(),
                                                 kLookEverySeconds)) {}

  // In this order: no new identity, no reader, no file.
  const std::unique_ptr<IdentityFile> file_;
  const std::shared_ptr<FileProvider> provider_;
  std::unique_ptr<Subscription> subscription_;
};

std::string_view text(const grpc::string_ref& s) {
  return s.data() == nullptr ? std::string_view() : std::string_view(s.data(), s.size());
}

// Judges the peer, and lives as long as the credentials: gRPC keeps nothing else of ours.
class PeerVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  PeerVerifier(std::shared_ptr<Feed<X509Context>> feed, Authorize authorize,
               std::unique_ptr<Shown> shown)
      : feed_(std::move(feed)), authorize_(std::move(authorize)), shown_(std::move(shown)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* answer) override {
    const Result<SpiffeId> peer =
        judge(text(request->peer_cert()), text(request->peer_cert_full_chain()));
    if (!peer) *answer = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.status().message());
    return true;  // answered already
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  // Both are PEM. A client has the whole chain in `others`, a server all but the leaf.
  Result<SpiffeId> judge(std::string_view leaf, std::string_view others) const {
    SIGNET_TRY(std::vector<x509::Certificate> chain, x509::read_pem_certificates(leaf));
    chain.resize(1, chain.front());
    if (!others.empty()) {
      SIGNET_TRY(const auto rest, x509::read_pem_certificates(others));
      chain.insert(chain.end(), rest.begin() + (rest.front() == chain.front() ? 1 : 0), rest.end());
    }
    const X509ContextPtr now = feed_->current();
    return check_peer(chain, now ? &now->bundles : nullptr, authorize_);
  }

  const std::shared_ptr<Feed<X509Context>> feed_;
  const Authorize authorize_;
  const std::unique_ptr<Shown> shown_;
};

// Sets what both sides have in common.
Status fill(grpc::experimental::TlsCredentialsOptions& options, const X509Source& source,
            Authorize authorize) {
  if (!authorize)
    return Status::invalid_argument("who may be the peer is not said: authorize is empty");
  SIGNET_TRY(auto shown, Shown::create(source.feed()));
  options.set_certificate_provider(shown->provider());
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  options.set_check_call_host(false);  // the peer is known by its ID, not by a host name
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<PeerVerifier>(
          source.feed(), std::move(authorize), std::move(shown)));
  return {};
}

}  // namespace

Result<std::shared_ptr<grpc::ServerCredentials>> make_grpc_server_credentials(
    const X509Source& source, Authorize authorize) {
  grpc::experimental::TlsServerCredentialsOptions options(nullptr);
  SIGNET_RETURN_IF_ERROR(fill(options, source, std::move(authorize)));
  // "Don't verify": not by gRPC, whose verification knows nothing of trust domains.
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

Result<std::shared_ptr<grpc::ChannelCredentials>> make_grpc_channel_credentials(
    const X509Source& source, Authorize authorize) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  SIGNET_RETURN_IF_ERROR(fill(options, source, std::move(authorize)));
  options.set_verify_server_certs(false);
  return grpc::experimental::TlsCredentials(options);
}

Result<SpiffeId> peer_id(const grpc::AuthContext& context) {
  const auto ids = context.FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  if (!context.IsPeerAuthenticated() || ids.size() != 1)
    return Status::unauthenticated("the peer has no SPIFFE ID");
  auto id = SpiffeId::parse(text(ids.front()));
  if (!id) return id.status().with_code(Code::kUnauthenticated);
  return id;
}

}  // namespace signet::workload_client
