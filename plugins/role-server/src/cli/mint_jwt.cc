#include "signet/spiffe_id.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/minting.h"
#include "cli/write_file.h"
#include "jwt/svid.h"
#include "spire/api/server/svid/v1/svid.pb.h"

namespace signet::server::cli {
namespace {

namespace svid = ::spire::api::server::svid::v1;

class MintJwtSvid final : public AdminCommand {
 public:
  const char* name() const override { return "jwt mint"; }
  void declare(FlagSet& flags) override {
    flags.text("spiffeID", &spiffe_id_, "SPIFFE ID of the JWT-SVID");
    flags.duration("ttl", &ttl_, "life of the JWT-SVID, such as 5m; 0: the server's default");
    flags.texts("audience", &audience_, "whom the token is for; repeatable");
    flags.text("write", &path_, "file for the token, instead of printing it");
  }

  Status run(Admin& admin) override {
    if (spiffe_id_.empty()) return Status::invalid_argument("spiffeID must be specified");
    if (audience_.empty())
      return Status::invalid_argument("at least one audience must be specified");
    svid::MintJWTSVIDRequest request;
    SIGNET_TRY(*request.mutable_id(), parse_id(spiffe_id_));
    const auto ttl = signet::cli::to_seconds32(ttl_);
    if (!ttl) return ttl.status().prefixed("invalid value for TTL");
    request.set_ttl(*ttl);
    for (const std::string& audience : audience_) request.add_audience(audience);
    const auto answer = admin.client.call<svid::MintJWTSVIDResponse>(
        "/spire.api.server.svid.v1.SVID/MintJWTSVID", request);
    if (!answer) return answer.status().prefixed("unable to mint SVID");
    const std::string& token = answer->svid().token();
    if (token.empty()) return Status::internal("server response missing token");
    warn_when_short(admin.io, token);
    if (!path_.empty()) return write(admin.io, token);
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out(token + "\n");
      return Status();
    });
  }

 private:
  void warn_when_short(Io& io, const std::string& token) const {
    const auto parsed = jwt::parse_unverified(token);
    if (!parsed) {
      io.err("Unable to determine JWT-SVID lifetime: " + parsed.status().message() + "\n");
    } else {
      warn_when_capped(io, "JWT-SVID", x509::to_unix(parsed->expires_at), ttl_);
    }
  }

  Status write(Io& io, const std::string& token) const {
    const std::string path = signet::cli::clean_path(path_);
    const Status status = signet::cli::write_file(path, token, signet::cli::kPrivateMode);
    if (!status.ok()) return status.prefixed("unable to write token");
    io.out("JWT-SVID written to " + path + "\n");
    return {};
  }

  std::string spiffe_id_, path_;
  std::chrono::nanoseconds ttl_{0};
  std::vector<std::string> audience_;
};

}  // namespace

int mint_jwt_svid(Context& context, const Args& args) {
  return run_admin<MintJwtSvid>(context, args);
}

}  // namespace signet::server::cli
