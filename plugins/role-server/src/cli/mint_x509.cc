#include "signet/spiffe_id.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/minting.h"
#include "cli/write_file.h"
#include "crypto/encoding.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "x509/csr.h"
#include "x509/pem.h"

namespace signet::server::cli {
namespace {

namespace svid = ::spire::api::server::svid::v1;
namespace bundle = ::spire::api::server::bundle::v1;

struct Minted {
  std::vector<std::string> chain, roots;  // DER
  crypto::SecretBytes key;                // PKCS#8 DER
};

std::string certificates_pem(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& der : list)
    text += crypto::write_pem("CERTIFICATE", crypto::as_bytes(der));
  return text;
}

std::string json_list(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& der : list)
    text += (text.empty() ? "\"" : ",\"") + crypto::base64_encode(crypto::as_bytes(der)) + "\"";
  return "[" + text + "]";
}

class MintX509Svid final : public AdminCommand {
 public:
  const char* name() const override { return "x509 mint"; }
  void declare(FlagSet& flags) override {
    flags.text("spiffeID", &spiffe_id_, "SPIFFE ID of the X509-SVID");
    flags.duration("ttl", &ttl_, "life of the X509-SVID, such as 1h; 0: the server's default");
    flags.texts("dns", &dns_names_, "DNS name in the X509-SVID; repeatable");
    flags.text("write", &folder_,
               "folder for svid.pem, key.pem and bundle.pem, instead of printing them");
  }

  Status run(Admin& admin) override {
    if (spiffe_id_.empty()) return Status::invalid_argument("spiffeID must be specified");
    SIGNET_TRY(const SpiffeId id, SpiffeId::parse(spiffe_id_));
    const auto ttl = signet::cli::to_seconds32(ttl_);
    if (!ttl) return ttl.status().prefixed("invalid value for TTL");
    SIGNET_TRY(const Minted minted, mint(admin, id, *ttl));
    if (!folder_.empty()) return write(admin.io, minted);
    if (admin.output.json()) {
      print_json(admin.io, minted);
    } else {
      print_pretty(admin.io, minted);
    }
    return {};
  }

 private:
  Result<Minted> mint(Admin& admin, const SpiffeId& id, std::int32_t ttl) const {
    auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256);
    if (!key) return key.status().prefixed("unable to generate key");
    for (const std::string& name : dns_names_) {
      for (const char c : name) {
        if (static_cast<unsigned char>(c) >= 0x80) {
          return Status::invalid_argument(
              "unable to generate CSR: x509: " + signet::cli::go_quote(name) +
              " cannot be encoded as an IA5String");
        }
      }
    }
    auto csr = x509::create_csr({x509::Name(), {id.to_string()}, dns_names_}, *key);
    if (!csr) return csr.status().prefixed("unable to generate CSR");

    svid::MintX509SVIDRequest request;
    request.set_csr(crypto::to_string(*csr));
    request.set_ttl(ttl);
    const auto answer = admin.client.call<svid::MintX509SVIDResponse>(
        "/spire.api.server.svid.v1.SVID/MintX509SVID", request);
    if (!answer) return answer.status().prefixed("unable to mint SVID");
    const auto& chain = answer->svid().cert_chain();
    if (chain.empty()) return Status::internal("server response missing SVID chain");
    const auto trust = admin.client.call<types::Bundle>(
        "/spire.api.server.bundle.v1.Bundle/GetBundle", bundle::GetBundleRequest());
    if (!trust) return trust.status().prefixed("unable to get bundle");
    if (trust->x509_authorities().empty())
      return Status::internal("server response missing X509 Authorities");

    warn_when_capped(admin.io, "X509-SVID", answer->svid().expires_at(), ttl_);
    Minted minted;
    minted.chain.assign(chain.begin(), chain.end());
    minted.key = key->to_pkcs8_der();
    for (const auto& root : trust->x509_authorities()) minted.roots.push_back(root.asn1());
    return minted;
  }

  static void print_pretty(Io& io, const Minted& minted) {
    io.out("X509-SVID:\n" + certificates_pem(minted.chain) + "\nPrivate key:\n");
    io.out(crypto::write_secret_pem("PRIVATE KEY", minted.key.view()).text());
    io.out("\nRoot CAs:\n" + certificates_pem(minted.roots) + "\n");
  }

  static void print_json(Io& io, const Minted& minted) {
    io.out("{\"x509_svid\":" + json_list(minted.chain) + ",\"private_key\":\"");
    io.out(crypto::base64_encode_secret(minted.key.view()).text());
    io.out("\",\"root_cas\":" + json_list(minted.roots) + "}\n");
  }

  Status write(Io& io, const Minted& minted) const {
    const auto put = [&](const char* file, std::string_view content, unsigned mode,
                         const char* what, const std::string& done) -> Status {
      const std::string path = signet::cli::join_path(folder_, file);
      const Status status = signet::cli::write_file(path, content, mode);
      if (!status.ok()) return status.prefixed(std::string("unable to write ") + what);
      io.out(done + " written to " + path + "\n");
      return {};
    };
    SIGNET_RETURN_IF_ERROR(put("svid.pem", certificates_pem(minted.chain), signet::cli::kPublicMode,
                               "SVID", "X509-SVID"));
    SIGNET_RETURN_IF_ERROR(put("key.pem",
                               crypto::write_secret_pem("PRIVATE KEY", minted.key.view()).text(),
                               signet::cli::kPrivateMode, "key", "Private key"));
    return put("bundle.pem", certificates_pem(minted.roots), signet::cli::kPublicMode, "bundle",
               "Root CAs");
  }

  std::string spiffe_id_, folder_;
  std::chrono::nanoseconds ttl_{0};
  std::vector<std::string> dns_names_;
};

}  // namespace

int mint_x509_svid(Context& context, const Args& args) {
  return run_admin<MintX509Svid>(context, args);
}

}  // namespace signet::server::cli
