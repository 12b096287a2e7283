#include "server_client.h"

#include "refusals.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "verdict.h"

namespace signet::agent {
namespace {

namespace agent_v1 = ::spire::api::server::agent::v1;
namespace bundle_v1 = ::spire::api::server::bundle::v1;

constexpr std::string_view kTls = R"({"tls":true})";

// A failure that says something about the request leaves the connection as it is.
bool about_the_request(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kResourceExhausted:
    case Code::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

class ServerClient::Acceptor final : public RpcAcceptor {
 public:
  Acceptor(const AgentIdentity* identity, ServerTrust& trust)
      : identity_(identity), trust_(trust) {}
  Result<RpcIdentity> identity() override {
    if (identity_ == nullptr) return Status::not_found("attesting");
    return identity_->for_transport();
  }
  Result<RpcVerdict> verify(const RpcPeer& peer) override { return trust_.verify(peer); }

 private:
  const AgentIdentity* identity_;
  ServerTrust& trust_;
};

class ServerClient::Running {
 public:
  Running(ServerClient& owner, const Line& line, std::unique_ptr<ClientCall> call)
      : owner_(owner), lost_(line.lost), call_(std::move(call)) {
    const std::lock_guard lock(owner_.mutex_);
    owner_.running_.insert(this);
    if (owner_.closed_ || *lost_) call_->cancel();
  }
  ~Running() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.running_.erase(this);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ClientCall* operator->() { return call_.get(); }
  /// Is it on this connection?
  bool on(const Line& line) const { return lost_ == line.lost; }
  /// Why the call failed: one that was cancelled with its connection did not end by our will.
  Status why(const Status& failure) const {
    const std::lock_guard lock(owner_.mutex_);
    return *lost_ && failure.code() == Code::kCancelled
               ? Status::unavailable("the connection to the server was lost")
               : failure;
  }

 private:
  ServerClient& owner_;
  const std::shared_ptr<bool> lost_;  // its connection is
  std::unique_ptr<ClientCall> call_;
};

class ServerClient::Stream final : public EntryStream {
 public:
  Stream(ServerClient& owner, Line line, std::unique_ptr<ClientCall> call)
      : owner_(owner), line_(std::move(line)), call_(owner, line_, std::move(call)) {}
  Result<entry_v1::SyncAuthorizedEntriesResponse> read() override {
    auto message = call_->read<entry_v1::SyncAuthorizedEntriesResponse>();
    if (!message) return owner_.ended(line_, call_.why(message.status()));
    if (!*message) return Status::internal("the server ended the stream of entries too early");
    owner_.heard();
    return std::move(**message);
  }
  Status send(const entry_v1::SyncAuthorizedEntriesRequest& request) override {
    return call_->send(request);
  }

 private:
  ServerClient& owner_;
  Line line_;  // before the call, which needs it until its end
  Running call_;
};

class ServerClient::Following final : public FollowStream {
 public:
  Following(ServerClient& owner, Line line, std::unique_ptr<ClientCall> call)
      : owner_(owner), line_(std::move(line)), call_(owner, line_, std::move(call)) {}
  Result<std::optional<delivery_v1::FollowResponse>> read() override {
    auto message = call_->read<delivery_v1::FollowResponse>();
    if (!message) return owner_.ended(line_, call_.why(message.status()));
    owner_.heard();
    return message;
  }
  Status acknowledge() override { return call_->send(delivery_v1::FollowRequest()); }
  void still_here() override {
    delivery_v1::FollowRequest request;
    request.set_still_here(true);
    (void)call_->send(request);
  }
  void cancel() override { call_->cancel(); }
  void lost() override { owner_.lose(line_); }

 private:
  ServerClient& owner_;
  Line line_;  // before the call, which needs it until its end
  Running call_;
};

ServerClient::ServerClient(Host host, std::string uri, std::chrono::nanoseconds connection_age,
                           const AgentIdentity& identity, ServerTrust& trust)
    : host_(std::move(host)),
      uri_(std::move(uri)),
      connection_age_(connection_age),
      with_svid_(std::make_unique<Acceptor>(&identity, trust)),
      without_svid_(std::make_unique<Acceptor>(nullptr, trust)) {}

ServerClient::~ServerClient() {
  close();
  Line gone;
  const std::lock_guard lock(mutex_);
  gone = std::move(line_);
}

void ServerClient::renew_connection() {
  Line gone;  // hung up without the lock, when its last call has ended
  const std::lock_guard lock(mutex_);
  ++svid_;
  gone = std::exchange(line_, Line());
}

void ServerClient::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Running* const call : running_) (*call)->cancel();
}

Result<ServerClient::Line> ServerClient::line() {
  Line old;
  const std::lock_guard lock(mutex_);
  if (closed_) return cancelled_at_the_end();
  if (host_.monotonic_ns() >= line_.until_ns) old = std::exchange(line_, Line());
  if (!line_.connection) {
    SIGNET_TRY(line_.connection, RpcConnection::create(host_, uri_, kTls, with_svid_.get()));
    line_.number = ++last_number_;
    line_.svid = svid_;
    line_.until_ns = end_of_age();
  }
  return line_;
}

// Random, so that agents that were moved together do not move on together.
std::int64_t ServerClient::end_of_age() {
  std::uniform_int_distribution<std::int64_t> age(connection_age_.count(),
                                                  2 * connection_age_.count());
  return host_.monotonic_ns() + age(random_);
}

void ServerClient::drop(std::uint64_t number, const Status& why) {
  if (about_the_request(why)) return;
  Line gone;
  const std::lock_guard lock(mutex_);
  if (line_.number == number) gone = std::exchange(line_, Line());
}

void ServerClient::lose(const Line& line) {
  Line gone;
  const std::lock_guard lock(mutex_);
  *line.lost = true;  // also for a call that is just being begun
  if (line_.number == line.number) gone = std::exchange(line_, Line());
  for (Running* const call : running_) {
    if (call->on(line)) (*call)->cancel();
  }
}

// Of a call that was under way while the SVID was renewed: it says nothing about the agent now.
bool ServerClient::outdated(const Line& line, const Status& failure) const {
  const std::lock_guard lock(mutex_);
  return line.svid != svid_ && verdict_of(failure) == Verdict::kReattest;
}

Status ServerClient::ended(const Line& line, const Status& failure) {
  const bool old_svid = outdated(line, failure);
  drop(line.number, failure);
  return old_svid ? Status::unavailable("the agent's SVID was renewed meanwhile") : failure;
}

template <typename Response, typename Request>
Result<Response> ServerClient::call_on(const Line& line, const char* method, const Request& request,
                                       std::int64_t deadline_ns) {
  SIGNET_TRY(auto started, line.connection->open(method, request, deadline_ns));
  Running call(*this, line, std::move(started));
  call->half_close();
  Result<std::optional<Response>> answer = call->read<Response>();
  if (!answer) return call.why(answer.status());
  if (const Status end = call->finish(); !end.ok()) return call.why(end);
  if (!*answer) return Status::internal("the server sent no answer");
  heard();
  return std::move(**answer);
}

template <typename Response, typename Request>
Result<Response> ServerClient::call(const char* method, const Request& request,
                                    std::int64_t deadline_ns) {
  deadline_ns = std::min(deadline_ns, deadline());
  for (bool again = true;; again = false) {
    SIGNET_TRY(const Line line, this->line());
    Result<Response> answer = call_on<Response>(line, method, request, deadline_ns);
    if (answer) return answer;
    const bool old_svid = outdated(line, answer.status());
    drop(line.number, answer.status());
    // A server that ends takes its connections with it; another one may be there.
    const bool moved = answer.status().code() == Code::kUnavailable;
    if (!again || (!old_svid && !moved)) return answer;
  }
}

Result<Attested> ServerClient::attest(NodeProof& proof, const std::string& csr) {
  agent_v1::AttestAgentRequest first;
  SIGNET_TRY(std::string payload, proof.step(""));
  if (payload.empty()) return Status::internal("the node attestor gave an empty payload");
  first.mutable_params()->mutable_data()->set_type(proof.type());
  first.mutable_params()->mutable_data()->set_payload(std::move(payload));
  first.mutable_params()->mutable_params()->set_csr(csr);

  Line line;
  SIGNET_TRY(line.connection, RpcConnection::create(host_, uri_, kTls, without_svid_.get()));
  Attested out;
  {
    SIGNET_TRY(auto started, line.connection->open("/spire.api.server.agent.v1.Agent/AttestAgent",
                                                   first, deadline()));
    Running call(*this, line, std::move(started));
    while (true) {
      SIGNET_TRY(auto message, call->read<agent_v1::AttestAgentResponse>());
      if (!message) return Status::internal("the server ended the attestation without a result");
      if (message->has_result()) {
        out.svid = message->result().svid();
        out.reattestable = message->result().reattestable();
        break;
      }
      SIGNET_TRY(std::string response, proof.step(message->challenge()));
      if (response.empty()) return Status::internal("the node attestor gave an empty response");
      agent_v1::AttestAgentRequest request;
      request.set_challenge_response(std::move(response));
      SIGNET_RETURN_IF_ERROR(call->send(request));
    }
    call->half_close();
    (void)call->finish();  // the result has come; how the stream ends does not matter
  }
  SIGNET_TRY(out.bundle,
             call_on<types::Bundle>(line, "/spire.api.server.bundle.v1.Bundle/GetBundle",
                                    bundle_v1::GetBundleRequest(), deadline()));
  return out;
}

Result<types::X509SVID> ServerClient::renew(const std::string& csr) {
  agent_v1::RenewAgentRequest request;
  request.mutable_params()->set_csr(csr);
  SIGNET_TRY(const auto answer, call<agent_v1::RenewAgentResponse>(
                                    "/spire.api.server.agent.v1.Agent/RenewAgent", request));
  return answer.svid();
}

Status ServerClient::post_status(const std::string& agent_version) {
  agent_v1::PostStatusRequest request;
  request.set_agent_version(agent_version);
  return call<agent_v1::PostStatusResponse>("/spire.api.server.agent.v1.Agent/PostStatus", request)
      .status();
}

Result<std::unique_ptr<EntryStream>> ServerClient::sync_entries(
    const entry_v1::SyncAuthorizedEntriesRequest& first) {
  SIGNET_TRY(Line line, this->line());
  SIGNET_TRY(auto call,
             line.connection->open("/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries", first,
                                   deadline()));
  return std::unique_ptr<EntryStream>(
      std::make_unique<Stream>(*this, std::move(line), std::move(call)));
}

Result<entry_v1::GetAuthorizedEntriesResponse> ServerClient::authorized_entries(
    const entry_v1::GetAuthorizedEntriesRequest& request) {
  return call<entry_v1::GetAuthorizedEntriesResponse>(
      "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries", request);
}

Result<std::unique_ptr<FollowStream>> ServerClient::follow(
    const delivery_v1::FollowRequest& first) {
  SIGNET_TRY(Line line, this->line());
  SIGNET_TRY(auto call,
             line.connection->open("/signet.delivery.v1.Delivery/Follow", first, INT64_MAX));
  return std::unique_ptr<FollowStream>(
      std::make_unique<Following>(*this, std::move(line), std::move(call)));
}

Result<explain_v1::AskAboutCallerResponse> ServerClient::ask_about_caller(
    const explain_v1::AskAboutCallerRequest& request, std::int64_t deadline_ns) {
  return call<explain_v1::AskAboutCallerResponse>("/signet.explain.v1.ServerExplain/AskAboutCaller",
                                                  request, deadline_ns);
}

Result<types::Bundle> ServerClient::bundle() {
  return call<types::Bundle>("/spire.api.server.bundle.v1.Bundle/GetBundle",
                             bundle_v1::GetBundleRequest());
}

Result<types::Bundle> ServerClient::federated_bundle(const std::string& trust_domain,
                                                     std::int64_t deadline_ns) {
  bundle_v1::GetFederatedBundleRequest request;
  request.set_trust_domain(trust_domain);
  return call<types::Bundle>("/spire.api.server.bundle.v1.Bundle/GetFederatedBundle", request,
                             deadline_ns);
}

Result<svid_v1::BatchNewX509SVIDResponse> ServerClient::new_x509_svids(
    const svid_v1::BatchNewX509SVIDRequest& request) {
  return call<svid_v1::BatchNewX509SVIDResponse>("/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
                                                 request);
}

Result<svid_v1::BatchNewWITSVIDResponse> ServerClient::new_wit_svids(
    const svid_v1::BatchNewWITSVIDRequest& request) {
  return call<svid_v1::BatchNewWITSVIDResponse>("/spire.api.server.svid.v1.SVID/BatchNewWITSVID",
                                                request);
}

Result<types::JWTSVID> ServerClient::new_jwt_svid(const svid_v1::NewJWTSVIDRequest& request,
                                                  std::int64_t deadline_ns) {
  SIGNET_TRY(const auto answer,
             call<svid_v1::NewJWTSVIDResponse>("/spire.api.server.svid.v1.SVID/NewJWTSVID", request,
                                               deadline_ns));
  return answer.svid();
}

}  // namespace signet::agent
