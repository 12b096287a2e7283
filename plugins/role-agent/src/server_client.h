// ServerClient: the ServerApi over the rpc service.
//
// One connection with the agent's SVID serves all calls; it is dropped after a call that failed
// for a reason of the connection's, and after each rotation, so that the next call shows the
// current SVID. Attestation has a connection of its own that shows none.
//
// Of several servers it is one that is chosen at random. A call whose connection fails is made once
// more, with whichever server is found then. After a random time the choice is made anew, so that
// a server that was restarted or added gets its share.
#pragma once

#include <atomic>
#include <chrono>
#include <random>
#include <set>

#include "signet/rpc/client.h"

#include "agent_identity.h"
#include "server_api.h"
#include "server_trust.h"

namespace signet::agent {

class ServerClient final : public ServerApi {
 public:
  /// uri             as abi/rpc.h wants it: "dns:host:port"
  /// connection_age  how long a connection is used, and up to twice as long
  ServerClient(Host host, std::string uri, std::chrono::nanoseconds connection_age,
               const AgentIdentity& identity, ServerTrust& trust);
  ~ServerClient() override;

  /// The agent has another SVID now: later calls use a new connection.
  void renew_connection();
  /// Ends all calls under way; later ones fail. Does not block.
  void close();
  /// When the server answered last (monotonic); 0: not yet. From any thread.
  std::int64_t heard_ns() const { return heard_ns_.load(); }

  Result<Attested> attest(NodeProof& proof, const std::string& csr) override;
  Result<types::X509SVID> renew(const std::string& csr) override;
  Status post_status(const std::string& agent_version) override;
  Result<std::unique_ptr<EntryStream>> sync_entries(
      const entry_v1::SyncAuthorizedEntriesRequest& first) override;
  Result<entry_v1::GetAuthorizedEntriesResponse> authorized_entries(
      const entry_v1::GetAuthorizedEntriesRequest& request) override;
  Result<std::unique_ptr<FollowStream>> follow(const delivery_v1::FollowRequest& first) override;
  Result<explain_v1::AskAboutCallerResponse> ask_about_caller(
      const explain_v1::AskAboutCallerRequest& request, std::int64_t deadline_ns) override;
  Result<types::Bundle> bundle() override;
  Result<types::Bundle> federated_bundle(const std::string& trust_domain,
                                         std::int64_t deadline_ns) override;
  Result<svid_v1::BatchNewX509SVIDResponse> new_x509_svids(
      const svid_v1::BatchNewX509SVIDRequest& request) override;
  Result<svid_v1::BatchNewWITSVIDResponse> new_wit_svids(
      const svid_v1::BatchNewWITSVIDRequest& request) override;
  Result<types::JWTSVID> new_jwt_svid(const svid_v1::NewJWTSVIDRequest& request,
                                      std::int64_t deadline_ns) override;

 private:
  class Acceptor;
  class Stream;
  class Following;
  struct Line {  // a connection, which one it is, which of the agent's SVIDs it shows, its end
    std::shared_ptr<RpcConnection> connection;
    std::uint64_t number = 0;
    std::uint64_t svid = 0;
    std::int64_t until_ns = 0;
    std::shared_ptr<bool> lost = std::make_shared<bool>(false);  // under mutex_
  };
  class Running;  // a call, known to close() while it lasts

  Result<Line> line();
  std::int64_t end_of_age();
  void drop(std::uint64_t number, const Status& why);
  /// Ends all calls on this connection, as if it had been closed.
  void lose(const Line& line);
  /// Is this failure a verdict on an SVID that has been replaced since?
  bool outdated(const Line& line, const Status& failure) const;
  /// A stream on this connection failed: what that says to who reads it.
  Status ended(const Line& line, const Status& failure);
  template <typename Response, typename Request>
  Result<Response> call_on(const Line& line, const char* method, const Request& request,
                           std::int64_t deadline_ns);
  template <typename Response, typename Request>
  Result<Response> call(const char* method, const Request& request,
                        std::int64_t deadline_ns = INT64_MAX);
  std::int64_t deadline() const { return host_.deadline_in(std::chrono::seconds(30)); }
  void heard() { heard_ns_.store(host_.monotonic_ns()); }

  const Host host_;
  const std::string uri_;
  const std::chrono::nanoseconds connection_age_;
  std::unique_ptr<Acceptor> with_svid_;
  std::unique_ptr<Acceptor> without_svid_;
  mutable std::mutex mutex_;
  Line line_;
  std::mt19937_64 random_{std::random_device{}()};
  std::uint64_t last_number_ = 0;
  std::uint64_t svid_ = 0;  // grows with each of the agent's SVIDs
  std::set<Running*> running_;
  std::atomic<std::int64_t> heard_ns_{0};
  bool closed_ = false;
};

}  // namespace signet::agent
