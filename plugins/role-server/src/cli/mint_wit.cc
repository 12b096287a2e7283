#include "signet/spiffe_id.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/minting.h"
#include "cli/write_file.h"
#include "jwt/private_jwk.h"
#include "jwt/wit.h"
#include "spire/api/server/svid/v1/svid.pb.h"

namespace signet::server::cli {
namespace {

namespace svid = ::spire::api::server::svid::v1;

class MintWitSvid final : public AdminCommand {
 public:
  const char* name() const override { return "wit mint"; }
  void declare(FlagSet& flags) override {
    flags.text("spiffeID", &spiffe_id_, "SPIFFE ID of the WIT-SVID");
    flags.text("keyType", &key_type_, "type of the key that is made for the holder");
    flags.text("signingAlgorithm", &algorithm_, "JWS algorithm that the holder signs with");
    flags.duration("ttl", &ttl_, "life of the WIT-SVID, such as 5m; 0: the server's default");
    flags.text("write", &folder_, "folder for the files token and key, instead of printing them");
  }

  Status run(Admin& admin) override {
    if (spiffe_id_.empty()) return Status::invalid_argument("spiffeID must be specified");
    svid::MintWITSVIDRequest request;
    SIGNET_TRY(*request.mutable_id(), parse_id(spiffe_id_));
    const auto ttl = signet::cli::to_seconds32(ttl_);
    if (!ttl) return ttl.status().prefixed("invalid value for TTL");
    request.set_ttl(*ttl);
    SIGNET_TRY(const crypto::PrivateKey key, make_key());
    request.set_public_key(crypto::to_string(key.public_key().spki()));
    request.set_signing_algorithm(algorithm_);

    const auto answer = admin.client.call<svid::MintWITSVIDResponse>(
        "/spire.api.server.svid.v1.SVID/MintWITSVID", request);
    if (!answer) return answer.status().prefixed("unable to mint SVID");
    if (answer->svid().token().empty()) return Status::internal("server response missing token");
    warn_when_capped(admin.io, "WIT-SVID", answer->svid().expires_at(), ttl_);
    SIGNET_TRY(const crypto::SecretBytes jwk, jwt::write_private_jwk(key));
    if (!folder_.empty()) return write(admin.io, answer->svid().token(), jwk);
    if (admin.output.json()) {
      print_json(admin.io, answer->svid(), jwk);
    } else {
      admin.io.out(answer->svid().token() + "\n");
      admin.io.out(jwk.text());
      admin.io.out("\n");
    }
    return {};
  }

 private:
  // Said here rather than by the server, so that no key is made for nothing.
  Result<crypto::PrivateKey> make_key() const {
    using crypto::KeyType;
    const auto fits = [&](KeyType type) { return jwt::fits_confirmation(type, algorithm_); };
    if (!fits(KeyType::kEcP256) && !fits(KeyType::kEcP384) && !fits(KeyType::kRsa2048)) {
      return Status::invalid_argument("unsupported signing algorithm: " + algorithm_);
    }
    const auto type = crypto::key_type_from_name(key_type_);
    if (!type || !fits(*type)) {
      return Status::invalid_argument("unsupported key type '" + key_type_ + "' for " +
                                      (fits(KeyType::kRsa2048)
                                           ? "signing algorithm '" + algorithm_ + "'"
                                           : "'" + algorithm_ + "' signing algorithm"));
    }
    auto key = crypto::PrivateKey::generate(*type);
    if (!key) return key.status().prefixed("could not generate public/private key pair");
    return key;
  }

  static void print_json(Io& io, const types::WITSVID& svid, const crypto::SecretBytes& jwk) {
    io.out("{\"private_key\":\"");
    // A JWK has no character that needs escaping but its own quotation marks.
    for (std::string_view rest = jwk.text(); !rest.empty();) {
      const std::size_t end = std::min(rest.find('"'), rest.size());
      io.out(rest.substr(0, end));
      if (end < rest.size()) io.out("\\\"");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    io.out("\",\"svid\":{\"token\":\"" + svid.token() + "\",\"id\":{\"trust_domain\":\"" +
           svid.id().trust_domain() + "\",\"path\":\"" + svid.id().path() +
           "\"},\"expires_at\":" + std::to_string(svid.expires_at()) +
           ",\"issued_at\":" + std::to_string(svid.issued_at()) + "}}\n");
  }

  Status write(Io& io, const std::string& token, const crypto::SecretBytes& jwk) const {
    const std::string token_path = signet::cli::join_path(folder_, "token");
    const Status written = signet::cli::write_file(token_path, token, signet::cli::kPrivateMode);
    if (!written.ok()) return written.prefixed("unable to write token");
    io.out("WIT-SVID written to " + token_path + "\n");
    const std::string key_path = signet::cli::join_path(folder_, "key");
    const Status kept = signet::cli::write_file(key_path, jwk.text(), signet::cli::kPrivateMode);
    if (!kept.ok()) return kept.prefixed("unable to write key");
    io.out("Private key written to " + key_path + "\n");
    return {};
  }

  std::string spiffe_id_, folder_, key_type_ = "ec-p256", algorithm_ = "ES256";
  std::chrono::nanoseconds ttl_{0};
};

}  // namespace

int mint_wit_svid(Context& context, const Args& args) {
  return run_admin<MintWitSvid>(context, args);
}

}  // namespace signet::server::cli
