// localauthority x509|jwt|wit show, prepare, activate, taint, revoke: this server's authorities by
// hand.
#include <thread>

#include "signet/server/v1/server.pb.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"

namespace signet::server::cli {
namespace {

using namespace ::spire::api::server::localauthority::v1;  // NOLINT: a table of its messages

const std::string kService = "/spire.api.server.localauthority.v1.LocalAuthority/";

// What a kind is called in texts and methods, and its messages.
struct X509 {
  static constexpr const char* kName = "X.509";
  static constexpr const char* kWord = "x509";
  static constexpr const char* kMethod = "X509";
  static constexpr auto kNumber = v1::GetPublicationRequest::X509;
  using ShowRequest = GetX509AuthorityStateRequest;
  using ShowResponse = GetX509AuthorityStateResponse;
  using PrepareRequest = PrepareX509AuthorityRequest;
  using PrepareResponse = PrepareX509AuthorityResponse;
  using ActivateRequest = ActivateX509AuthorityRequest;
  using ActivateResponse = ActivateX509AuthorityResponse;
  using TaintRequest = TaintX509AuthorityRequest;
  using TaintResponse = TaintX509AuthorityResponse;
  using RevokeRequest = RevokeX509AuthorityRequest;
  using RevokeResponse = RevokeX509AuthorityResponse;
};
struct Jwt {
  static constexpr const char* kName = "JWT";
  static constexpr const char* kWord = "jwt";
  static constexpr const char* kMethod = "JWT";
  static constexpr auto kNumber = v1::GetPublicationRequest::JWT;
  using ShowRequest = GetJWTAuthorityStateRequest;
  using ShowResponse = GetJWTAuthorityStateResponse;
  using PrepareRequest = PrepareJWTAuthorityRequest;
  using PrepareResponse = PrepareJWTAuthorityResponse;
  using ActivateRequest = ActivateJWTAuthorityRequest;
  using ActivateResponse = ActivateJWTAuthorityResponse;
  using TaintRequest = TaintJWTAuthorityRequest;
  using TaintResponse = TaintJWTAuthorityResponse;
  using RevokeRequest = RevokeJWTAuthorityRequest;
  using RevokeResponse = RevokeJWTAuthorityResponse;
};
struct Wit {
  static constexpr const char* kName = "WIT";
  static constexpr const char* kWord = "wit";
  static constexpr const char* kMethod = "WIT";
  static constexpr auto kNumber = v1::GetPublicationRequest::WIT;
  using ShowRequest = GetWITAuthorityStateRequest;
  using ShowResponse = GetWITAuthorityStateResponse;
  using PrepareRequest = PrepareWITAuthorityRequest;
  using PrepareResponse = PrepareWITAuthorityResponse;
  using ActivateRequest = ActivateWITAuthorityRequest;
  using ActivateResponse = ActivateWITAuthorityResponse;
  using TaintRequest = TaintWITAuthorityRequest;
  using TaintResponse = TaintWITAuthorityResponse;
  using RevokeRequest = RevokeWITAuthorityRequest;
  using RevokeResponse = RevokeWITAuthorityResponse;
};

template <typename Kind>
std::string authority_text(const AuthorityState& state) {
  std::string text = "  Authority ID: " + state.authority_id() +
                     "\n  Expires at: " + signet::cli::go_time_utc(state.expires_at()) + "\n";
  if (std::string_view(Kind::kName) != "X.509") return text;
  const std::string& upstream = state.upstream_authority_subject_key_id();
  return text + (upstream.empty() ? "  Upstream authority ID: No upstream authority\n"
                                  : "  Upstream authority Subject Key ID: " + upstream + "\n");
}

template <typename Kind>
std::string titled(const char* word) {
  return std::string(word) + " " + Kind::kName + " authority:\n";
}

template <typename Kind>
class Show final : public AdminCommand {
 public:
  Show() : name_(std::string("localauthority ") + Kind::kWord + " show") {}
  const char* name() const override { return name_.c_str(); }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    const auto state = admin.client.call<typename Kind::ShowResponse>(
        kService + "Get" + Kind::kMethod + "AuthorityState", typename Kind::ShowRequest());
    if (!state) {
      return state.status().prefixed(std::string("could not get ") + Kind::kName + " authorities");
    }
    return admin.output.print(admin.io, *state, [&] {
      const auto part = [&](const char* title, const char* word, bool there,
                            const AuthorityState& one) {
        return titled<Kind>(title) +
               (there ? authority_text<Kind>(one)
                      : std::string("  No ") + word + " " + Kind::kName + " authority found\n");
      };
      admin.io.out(part("Active", "active", state->has_active(), state->active()) + "\n" +
                   part("Prepared", "prepared", state->has_prepared(), state->prepared()) + "\n" +
                   part("Old", "old", state->has_old(), state->old()));
      return Status();
    });
  }

 private:
  const std::string name_;
};

template <typename Kind>
class Prepare final : public AdminCommand {
 public:
  Prepare() : name_(std::string("localauthority ") + Kind::kWord + " prepare") {}
  const char* name() const override { return name_.c_str(); }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    const auto answer = admin.client.call<typename Kind::PrepareResponse>(
        kService + "Prepare" + Kind::kMethod + "Authority", typename Kind::PrepareRequest());
    if (!answer) {
      return answer.status().prefixed(std::string("could not prepare ") + Kind::kName +
                                      " authority");
    }
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out(titled<Kind>("Prepared") + authority_text<Kind>(answer->prepared_authority()));
      return Status();
    });
  }

 private:
  const std::string name_;
};

// Activate, taint and revoke: what is done to the authority of an ID.
template <typename Kind>
class OnAuthority : public AdminCommand {
 public:
  /// verb: "activate"; past: "Activated"
  OnAuthority(const char* verb, const char* past)
      : verb_(verb),
        past_(past),
        name_(std::string("localauthority ") + Kind::kWord + " " + verb),
        help_(std::string("ID of the ") + Kind::kName + " authority to " + verb) {}
  const char* name() const override { return name_.c_str(); }
  void declare(FlagSet& flags) override {
    flags.text("authorityID", &authority_id_, help_.c_str());
  }

 protected:
  template <typename Request, typename Response>
  Status call(Admin& admin, const char* method, const AuthorityState& (Response::*state)() const) {
    Request request;
    request.set_authority_id(authority_id_);
    const auto answer =
        admin.client.call<Response>(kService + method + Kind::kMethod + "Authority", request);
    if (!answer) {
      return answer.status().prefixed("could not " + verb_ + " " + Kind::kName + " authority");
    }
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out(titled<Kind>(past_.c_str()) + authority_text<Kind>((*answer.*state)()));
      return Status();
    });
  }
  bool has_id() const { return !authority_id_.empty(); }
  static Status no_id() { return Status::invalid_argument("an authority ID is required"); }
  const std::string& authority_id() const { return authority_id_; }

 private:
  const std::string verb_, past_, name_, help_;
  std::string authority_id_;
};

template <typename Kind>
class Activate final : public OnAuthority<Kind> {
 public:
  Activate() : OnAuthority<Kind>("activate", "Activated") {}
  void declare(FlagSet& flags) override {
    OnAuthority<Kind>::declare(flags);
    flags.boolean("wait", &wait_, "activate only when every server and agent has the authority");
  }
  Status run(Admin& admin) override {
    if (!this->has_id()) return this->no_id();
    if (wait_) SIGNET_RETURN_IF_ERROR(wait_for_everybody(admin));
    return this->template call<typename Kind::ActivateRequest, typename Kind::ActivateResponse>(
        admin, "Activate", &Kind::ActivateResponse::activated_authority);
  }

 private:
  Status wait_for_everybody(Admin& admin) const {
    v1::GetPublicationRequest request;
    request.set_kind(Kind::kNumber);
    request.set_authority_id(this->authority_id());
    for (bool told = false;; told = true) {
      const auto answer = admin.client.call<v1::GetPublicationResponse>(
          "/signet.server.v1.Server/GetPublication", request);
      if (!answer) return answer.status().prefixed("could not tell who lacks the authority");
      if (answer->agents_lacking() == 0 && answer->servers_lacking() == 0) return {};
      if (!told) {
        admin.io.err("Waiting for " + std::to_string(answer->agents_lacking()) + " agents and " +
                     std::to_string(answer->servers_lacking()) + " servers\n");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }
  bool wait_ = false;
};

template <typename Kind>
class Taint final : public OnAuthority<Kind> {
 public:
  Taint() : OnAuthority<Kind>("taint", "Tainted") {}
  Status run(Admin& admin) override {
    if (!this->has_id()) return this->no_id();
    return this->template call<typename Kind::TaintRequest, typename Kind::TaintResponse>(
        admin, "Taint", &Kind::TaintResponse::tainted_authority);
  }
};

template <typename Kind>
class Revoke final : public OnAuthority<Kind> {
 public:
  Revoke() : OnAuthority<Kind>("revoke", "Revoked") {}
  Status run(Admin& admin) override {
    if (!this->has_id()) return this->no_id();
    return this->template call<typename Kind::RevokeRequest, typename Kind::RevokeResponse>(
        admin, "Revoke", &Kind::RevokeResponse::revoked_authority);
  }
};

// A root of the upstream authority, by its subject key ID.
template <typename Request, typename Response>
class OnUpstream final : public AdminCommand {
 public:
  OnUpstream(const char* name, std::string verb, const char* method, const char* past)
      : name_(name),
        verb_(std::move(verb)),
        help_("subject key ID of the upstream X.509 authority to " + verb_ + ", in hex"),
        method_(method),
        past_(past) {}
  const char* name() const override { return name_; }
  void declare(FlagSet& flags) override {
    flags.text("subjectKeyID", &subject_key_id_, help_.c_str());
  }
  Status run(Admin& admin) override {
    if (subject_key_id_.empty()) {
      return Status::invalid_argument(
          "the Subject Key ID of the X.509 upstream authority is required");
    }
    Request request;
    request.set_subject_key_id(subject_key_id_);
    const auto answer = admin.client.call<Response>(kService + method_, request);
    if (!answer) {
      return answer.status().prefixed("could not " + verb_ + " X.509 upstream authority");
    }
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out(std::string(past_) + " X.509 upstream authority:\n  Subject Key ID: " +
                   answer->upstream_authority_subject_key_id() + "\n");
      return Status();
    });
  }

 private:
  const char* const name_;
  const std::string verb_, help_;
  const char* const method_;
  const char* const past_;
  std::string subject_key_id_;
};

}  // namespace

int show_x509_authority(Context& c, const Args& a) { return run_admin<Show<X509>>(c, a); }
int prepare_x509_authority(Context& c, const Args& a) { return run_admin<Prepare<X509>>(c, a); }
int activate_x509_authority(Context& c, const Args& a) { return run_admin<Activate<X509>>(c, a); }
int taint_x509_authority(Context& c, const Args& a) { return run_admin<Taint<X509>>(c, a); }
int revoke_x509_authority(Context& c, const Args& a) { return run_admin<Revoke<X509>>(c, a); }
int show_jwt_authority(Context& c, const Args& a) { return run_admin<Show<Jwt>>(c, a); }
int prepare_jwt_authority(Context& c, const Args& a) { return run_admin<Prepare<Jwt>>(c, a); }
int activate_jwt_authority(Context& c, const Args& a) { return run_admin<Activate<Jwt>>(c, a); }
int taint_jwt_authority(Context& c, const Args& a) { return run_admin<Taint<Jwt>>(c, a); }
int revoke_jwt_authority(Context& c, const Args& a) { return run_admin<Revoke<Jwt>>(c, a); }
int show_wit_authority(Context& c, const Args& a) { return run_admin<Show<Wit>>(c, a); }
int prepare_wit_authority(Context& c, const Args& a) { return run_admin<Prepare<Wit>>(c, a); }
int activate_wit_authority(Context& c, const Args& a) { return run_admin<Activate<Wit>>(c, a); }
int taint_wit_authority(Context& c, const Args& a) { return run_admin<Taint<Wit>>(c, a); }
int revoke_wit_authority(Context& c, const Args& a) { return run_admin<Revoke<Wit>>(c, a); }

int taint_upstream_authority(Context& context, const Args& args) {
  OnUpstream<TaintX509UpstreamAuthorityRequest, TaintX509UpstreamAuthorityResponse> command(
      "upstreamauthority taint", "taint", "TaintX509UpstreamAuthority", "Tainted");
  return run_admin_command(context, args, command);
}
int revoke_upstream_authority(Context& context, const Args& args) {
  OnUpstream<RevokeX509UpstreamAuthorityRequest, RevokeX509UpstreamAuthorityResponse> command(
      "upstreamauthority revoke", "revoke", "RevokeX509UpstreamAuthority", "Revoked");
  return run_admin_command(context, args, command);
}

}  // namespace signet::server::cli
