// FakeServer: a server behind the ServerApi, with real certificates and tokens. It counts what it
// is asked, and fails when the test says so.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "signet/selector.h"

#include "jwt/svid.h"
#include "server_api.h"
#include "spire/api/types/status.pb.h"
#include "test_host.h"
#include "x509/bundle_json.h"
#include "x509/csr.h"
#include "x509/svid_issuer.h"

namespace signet::agent::test {

inline TrustDomain domain(const std::string& name = "example.org") {
  return TrustDomain::parse(name).value();
}

// An X.509 authority of a trust domain.
struct Authority {
  std::shared_ptr<crypto::PrivateKeySigner> signer;
  x509::Certificate certificate;

  static Authority make(const std::string& name, std::int64_t now) {
    auto signer = std::make_shared<crypto::PrivateKeySigner>(
        crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
    x509::CaParams params;
    params.now = x509::from_unix(now);
    params.ttl = std::chrono::hours(24 * 365);
    auto certificate = x509::self_sign_ca(domain(name), params, *signer).value();
    return {std::move(signer), std::move(certificate)};
  }
  crypto::Bytes issue(const std::string& id, crypto::ByteView spki, std::int64_t now,
                      std::chrono::seconds ttl) const {
    const auto issuer = x509::SvidIssuer::make(certificate, signer).value();
    x509::SvidParams params;
    params.spiffe_id = id;
    params.spki = spki;
    params.now = x509::from_unix(now);
    params.ttl = ttl;
    return issuer.issue(params).value().der;
  }
};

inline types::Entry entry(const std::string& id, const std::string& path,
                          const std::vector<std::string>& selectors) {
  types::Entry e;
  e.set_id(id);
  e.mutable_spiffe_id()->set_trust_domain("example.org");
  e.mutable_spiffe_id()->set_path(path);
  for (const std::string& text : selectors) {
    const Selector s = Selector::parse(text).value();
    auto* wire = e.add_selectors();
    wire->set_type(s.type);
    wire->set_value(s.value);
  }
  e.set_created_at(1000);
  return e;
}

class FakeServer : public ServerApi {
 public:
  explicit FakeServer(TestHost& host)
      : host_(host),
        ca_(Authority::make("example.org", host.unix_seconds())),
        jwt_key_(std::make_shared<crypto::PrivateKeySigner>(
            crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value())) {
    own.set_trust_domain("example.org");
    own.add_x509_authorities()->set_asn1(crypto::to_string(ca_.certificate.der()));
    auto* key = own.add_jwt_authorities();
    key->set_key_id("kid-1");
    key->set_public_key(crypto::to_string(jwt_key_->spki()));
  }

  std::map<std::string, types::Entry> entries;
  types::Bundle own;
  std::map<std::string, types::Bundle> federated;
  std::chrono::seconds x509_ttl{3600};
  std::chrono::seconds jwt_ttl{300};
  Status failure;                    // of every call, unless ok
  std::set<std::string> refuse;      // entry IDs that get no X509-SVID
  std::set<std::string> refuse_jwt;  // and no JWT-SVID
  std::string intermediate;          // DER, behind each leaf
  std::size_t page = 0;              // over 0: revisions first, that many at a time
  Status attest_failure;             // of attestations alone, which do not look at `failure`
  std::string attest_csr;            // certified in place of the agent's
  bool reattestable = false;
  std::chrono::seconds agent_ttl{3600};
  int syncs = 0, bundles = 0, mints = 0, jwts = 0, wits = 0, attests = 0, renewals = 0;
  std::chrono::seconds ahead{0};            // of the agent's clock
  std::chrono::milliseconds mint_takes{0};  // each X509-SVID
  std::size_t svids = 0, entries_sent = 0;
  bool explains = true;                             // or it is not one of ours
  explain_v1::AskAboutCallerResponse about_caller;  // what it answers
  explain_v1::AskAboutCallerRequest asked;          // the last such question
  std::deque<std::string> instead;                  // encoded, in place of the next answers
  int asks = 0, asks_lost = 0;                      // how many; the first ones are not answered

  types::Entry& add(types::Entry e) { return entries[e.id()] = std::move(e); }
  /// A trust domain whose JWT authority, "kid-1", is ours too.
  types::Bundle& federate(const std::string& name) {
    types::Bundle& b = federated[name];
    b.set_trust_domain(name);
    b.clear_jwt_authorities();
    *b.add_jwt_authorities() = own.jwt_authorities(0);
    b.add_x509_authorities()->set_asn1(
        crypto::to_string(Authority::make(name, now()).certificate.der()));
    return b;
  }
  /// Makes the current X.509 authority tainted and signs with a new one.
  void rotate_with_taint() {
    own.mutable_x509_authorities(0)->set_tainted(true);
    ca_ = Authority::make("example.org", now());
    own.add_x509_authorities()->set_asn1(crypto::to_string(ca_.certificate.der()));
  }

  /// A refusal with a judgement on the agent, as the server attaches it.
  static Status verdict(::spire::api::types::PermissionDeniedDetails::Reason reason) {
    ::spire::api::types::PermissionDeniedDetails details;
    details.set_reason(reason);
    return Status::permission_denied("no").with_detail(
        {"type.googleapis.com/spire.api.types.PermissionDeniedDetails",
         details.SerializeAsString()});
  }

  Result<Attested> attest(NodeProof& proof, const std::string& csr) override {
    ++attests;
    SIGNET_TRY(const std::string payload, proof.step(""));
    if (!attest_failure.ok()) return attest_failure;
    Attested out;
    SIGNET_TRY(out.svid, agent_svid(attest_csr.empty() ? csr : attest_csr));
    out.reattestable = reattestable;
    out.bundle = own;
    failure = {};  // it is one of ours again
    return out;
  }
  Result<types::X509SVID> renew(const std::string& csr) override {
    ++renewals;
    if (!failure.ok()) return failure;
    if (auto told = next<types::X509SVID>()) return *told;
    return agent_svid(csr);
  }
  Status post_status(const std::string&) override { return failure; }

  Result<std::unique_ptr<EntryStream>> sync_entries(
      const entry_v1::SyncAuthorizedEntriesRequest&) override {
    ++syncs;
    if (!failure.ok()) return failure;
    return std::unique_ptr<EntryStream>(std::make_unique<Stream>(*this));
  }
  Result<entry_v1::GetAuthorizedEntriesResponse> authorized_entries(
      const entry_v1::GetAuthorizedEntriesRequest&) override {
    ++syncs;
    if (!failure.ok()) return failure;
    if (auto told = next<entry_v1::GetAuthorizedEntriesResponse>()) return *told;
    entry_v1::GetAuthorizedEntriesResponse out;
    for (const auto& [id, e] : entries) *out.add_entries() = e;
    return out;
  }
  Result<std::unique_ptr<FollowStream>> follow(const delivery_v1::FollowRequest&) override {
    return Status::unimplemented("unknown service signet.delivery.v1.Delivery");
  }
  Result<types::Bundle> bundle() override {
    ++bundles;
    if (!failure.ok()) return failure;
    if (auto told = next<types::Bundle>()) return *told;
    return own;
  }
  Result<explain_v1::AskAboutCallerResponse> ask_about_caller(
      const explain_v1::AskAboutCallerRequest& request, std::int64_t) override {
    asked = request;
    if (asks++ < asks_lost) return Status(Code::kDeadlineExceeded, "Deadline Exceeded");
    if (!failure.ok()) return failure;
    if (auto told = next<explain_v1::AskAboutCallerResponse>()) return *told;
    if (explains) return about_caller;
    return Status::unimplemented("unknown service signet.explain.v1.ServerExplain");
  }
  Result<types::Bundle> federated_bundle(const std::string& name, std::int64_t) override {
    if (!failure.ok()) return failure;
    if (auto told = next<types::Bundle>()) return *told;
    const auto found = federated.find(name);
    if (found == federated.end()) return Status::not_found("bundle not found");
    return found->second;
  }
  /// The token names the key that it is for and how many were made before.
  Result<svid_v1::BatchNewWITSVIDResponse> new_wit_svids(
      const svid_v1::BatchNewWITSVIDRequest& request) override {
    if (!failure.ok()) return failure;
    if (auto told = next<svid_v1::BatchNewWITSVIDResponse>()) return *told;
    svid_v1::BatchNewWITSVIDResponse out;
    for (const auto& params : request.params()) {
      auto* svid = out.add_results()->mutable_svid();
      EXPECT_EQ(params.signing_algorithm(), "ES256");
      const auto key = crypto::PublicKey::from_spki(crypto::as_bytes(params.public_key()));
      svid->set_token(params.entry_id() + " " + std::to_string(wits++) + " " +
                      x509::write_jwk(*key, "ES256").value());
      svid->set_issued_at(now());
      svid->set_expires_at(now() + jwt_ttl.count());
    }
    return out;
  }
  Result<svid_v1::BatchNewX509SVIDResponse> new_x509_svids(
      const svid_v1::BatchNewX509SVIDRequest& request) override {
    ++mints;
    if (!failure.ok()) return failure;
    if (auto told = next<svid_v1::BatchNewX509SVIDResponse>()) return *told;
    host_.pass(mint_takes * request.params_size());
    svid_v1::BatchNewX509SVIDResponse out;
    for (const auto& params : request.params()) {
      auto* result = out.add_results();
      const auto found = entries.find(params.entry_id());
      if (found == entries.end() || refuse.contains(params.entry_id())) {
        result->mutable_status()->set_code(static_cast<int>(Code::kNotFound));
        continue;
      }
      const auto csr = x509::Csr::parse_and_verify(crypto::as_bytes(params.csr()));
      EXPECT_TRUE(csr.ok());
      const std::string id = "spiffe://example.org" + found->second.spiffe_id().path();
      EXPECT_EQ(csr->uris(), std::vector<std::string>{id});
      result->mutable_svid()->add_cert_chain(
          crypto::to_string(ca_.issue(id, csr->public_key().spki(), now(), x509_ttl)));
      if (!intermediate.empty()) result->mutable_svid()->add_cert_chain(intermediate);
      ++svids;
    }
    return out;
  }
  Result<types::JWTSVID> new_jwt_svid(const svid_v1::NewJWTSVIDRequest& request,
                                      std::int64_t) override {
    ++jwts;
    if (!failure.ok()) return failure;
    if (auto told = next<types::JWTSVID>()) return *told;
    if (refuse_jwt.contains(request.entry_id())) return Status::not_found("entry not found");
    const types::Entry& e = entries.at(request.entry_id());
    types::JWTSVID out;
    out.set_issued_at(now());
    out.set_expires_at(out.issued_at() + jwt_ttl.count());
    out.set_token(token("spiffe://example.org" + e.spiffe_id().path(),
                        {request.audience().begin(), request.audience().end()}));
    return out;
  }
  /// A token of any trust domain, signed by "kid-1".
  std::string token(const std::string& id, std::vector<std::string> audience) const {
    return token_by(*jwt_key_, "kid-1", id, std::move(audience));
  }
  /// One that the X.509 authority has signed.
  std::string token_by_x509_authority(const std::string& key_id, const std::string& id,
                                      std::vector<std::string> audience) const {
    return token_by(*ca_.signer, key_id, id, std::move(audience));
  }
  const x509::Certificate& x509_authority() const { return ca_.certificate; }

 private:
  // One that is no message of the kind is passed over.
  template <typename Answer>
  std::optional<Answer> next() {
    Answer told;
    if (instead.empty()) return std::nullopt;
    const bool read = told.ParseFromString(instead.front());
    instead.pop_front();
    return read ? std::optional<Answer>(std::move(told)) : std::nullopt;
  }
  std::string token_by(const crypto::Signer& key, const std::string& key_id, const std::string& id,
                       std::vector<std::string> audience) const {
    const std::int64_t now = this->now();
    jwt::SvidParams params{SpiffeId::parse(id).value(),
                           std::move(audience),
                           x509::from_unix(now),
                           x509::from_unix(now + jwt_ttl.count()),
                           {},
                           {},
                           {}};
    return jwt::mint_svid(params, key_id, key).value();
  }

  class Stream final : public EntryStream {
   public:
    explicit Stream(FakeServer& server) : server_(server) {
      if (server.page == 0) {
        entry_v1::SyncAuthorizedEntriesResponse all;
        for (const auto& [id, e] : server.entries) *all.add_entries() = e;
        answers_.push_back(std::move(all));
        return;
      }
      for (auto it = server.entries.begin(); it != server.entries.end();) {
        entry_v1::SyncAuthorizedEntriesResponse some;
        for (std::size_t n = 0; n < server.page && it != server.entries.end(); ++n, ++it) {
          auto* revision = some.add_entry_revisions();
          revision->set_id(it->first);
          revision->set_revision_number(it->second.revision_number());
          revision->set_created_at(it->second.created_at());
        }
        some.set_more(it != server.entries.end());
        answers_.push_back(std::move(some));
      }
    }
    Result<entry_v1::SyncAuthorizedEntriesResponse> read() override {
      if (!server_.failure.ok()) return server_.failure;
      if (auto told = server_.next<entry_v1::SyncAuthorizedEntriesResponse>()) return *told;
      if (answers_.empty()) return Status::internal("the client reads more than there is");
      auto out = std::move(answers_.front());
      answers_.pop_front();
      return out;
    }
    Status send(const entry_v1::SyncAuthorizedEntriesRequest& request) override {
      EXPECT_LE(request.ids_size(), static_cast<int>(server_.page));
      entry_v1::SyncAuthorizedEntriesResponse some;
      for (const std::string& id : request.ids()) {
        *some.add_entries() = server_.entries.at(id);
        ++server_.entries_sent;
      }
      answers_.push_back(std::move(some));
      return {};
    }

   private:
    FakeServer& server_;
    std::deque<entry_v1::SyncAuthorizedEntriesResponse> answers_;
  };

  std::int64_t now() const { return host_.unix_seconds() + ahead.count(); }
  Result<types::X509SVID> agent_svid(const std::string& csr) {
    SIGNET_TRY(const auto parsed, x509::Csr::parse_and_verify(crypto::as_bytes(csr)));
    types::X509SVID out;
    out.add_cert_chain(crypto::to_string(ca_.issue("spiffe://example.org/spire/agent/test",
                                                   parsed.public_key().spki(), now(), agent_ttl)));
    return out;
  }

  TestHost& host_;
  Authority ca_;
  std::shared_ptr<crypto::PrivateKeySigner> jwt_key_;
};

}  // namespace signet::agent::test
