// ServerApi: what the agent asks of its server, in the wire's messages, without a transport.
//
// ServerClient (server_client.h) is the real one; tests put a server of their own in its place.
// Every function blocks: from a worker only. A refusal keeps its PermissionDeniedDetails in the
// status' detail; see verdict.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signet/delivery/v1/delivery.pb.h"
#include "signet/explain/v1/explain.pb.h"
#include "signet/status.h"

#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "spire/api/types/bundle.pb.h"
#include "spire/api/types/entry.pb.h"
#include "spire/api/types/jwtsvid.pb.h"
#include "spire/api/types/x509svid.pb.h"

namespace signet::agent {

namespace types = ::spire::api::types;
namespace entry_v1 = ::spire::api::server::entry::v1;
namespace delivery_v1 = ::signet::delivery::v1;
namespace explain_v1 = ::signet::explain::v1;
namespace svid_v1 = ::spire::api::server::svid::v1;

// The proof of what node this is, as a node attestor plugin gives it.
class NodeProof {
 public:
  virtual ~NodeProof() = default;
  virtual std::string type() const = 0;
  /// First "" -> the payload; then a challenge -> its response.
  virtual Result<std::string> step(std::string_view challenge) = 0;
};

struct Attested {
  types::X509SVID svid;
  bool reattestable = false;
  types::Bundle bundle;  // of our trust domain, asked for on the same connection
};

// One SyncAuthorizedEntries.
class EntryStream {
 public:
  virtual ~EntryStream() = default;
  virtual Result<entry_v1::SyncAuthorizedEntriesResponse> read() = 0;
  virtual Status send(const entry_v1::SyncAuthorizedEntriesRequest& request) = 0;
};

// One Follow: what changes for this agent, as it is committed.
class FollowStream {
 public:
  virtual ~FollowStream() = default;
  /// The next answer, after the one before was acknowledged; nothing at the good end.
  virtual Result<std::optional<delivery_v1::FollowResponse>> read() = 0;
  virtual Status acknowledge() = 0;
  /// A word that fails the call when the connection is lost, and that the server may answer. From
  /// any thread; does not block.
  virtual void still_here() = 0;
  /// Makes read() fail. From any thread.
  virtual void cancel() = 0;
  /// The same, and so do all calls on its connection: it has been found lost. From any thread.
  virtual void lost() = 0;
};

class ServerApi {
 public:
  virtual ~ServerApi() = default;

  /// Attests with a connection that shows no certificate of ours.
  virtual Result<Attested> attest(NodeProof& proof, const std::string& csr) = 0;
  virtual Result<types::X509SVID> renew(const std::string& csr) = 0;
  virtual Status post_status(const std::string& agent_version) = 0;

  virtual Result<std::unique_ptr<EntryStream>> sync_entries(
      const entry_v1::SyncAuthorizedEntriesRequest& first) = 0;
  virtual Result<entry_v1::GetAuthorizedEntriesResponse> authorized_entries(
      const entry_v1::GetAuthorizedEntriesRequest& request) = 0;
  /// Errors   kUnimplemented: the server is not one of ours, or older
  virtual Result<std::unique_ptr<FollowStream>> follow(const delivery_v1::FollowRequest& first) = 0;
  /// Errors   kUnimplemented: as follow()
  virtual Result<explain_v1::AskAboutCallerResponse> ask_about_caller(
      const explain_v1::AskAboutCallerRequest& request, std::int64_t deadline_ns) = 0;
  virtual Result<types::Bundle> bundle() = 0;
  /// deadline_ns: as new_jwt_svid()
  virtual Result<types::Bundle> federated_bundle(const std::string& trust_domain,
                                                 std::int64_t deadline_ns) = 0;
  virtual Result<svid_v1::BatchNewX509SVIDResponse> new_x509_svids(
      const svid_v1::BatchNewX509SVIDRequest& request) = 0;
  virtual Result<svid_v1::BatchNewWITSVIDResponse> new_wit_svids(
      const svid_v1::BatchNewWITSVIDRequest& request) = 0;
  /// deadline_ns: of the caller, by the host's clock; the server is given 30 s at most.
  virtual Result<types::JWTSVID> new_jwt_svid(const svid_v1::NewJWTSVIDRequest& request,
                                              std::int64_t deadline_ns) = 0;
};

}  // namespace signet::agent
