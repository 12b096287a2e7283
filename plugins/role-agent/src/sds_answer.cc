#include "sds_answer.h"

#include <algorithm>
#include <array>
#include <deque>

#include <google/protobuf/io/coded_stream.h>

#include "crypto/encoding.h"
#include "crypto/hash.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "message_keys.h"
#include "sorted_blob.h"
#include "x509/pem.h"

namespace signet::agent {
namespace {

namespace tls = ::envoy::extensions::transport_sockets::tls::v3;
using google::protobuf::io::CodedOutputStream;

constexpr std::string_view kSecretType =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
constexpr int kFirstKind = 16;  // of WorkloadUpdate::encoded(), behind those of AnswerKind

// A message from encoded parts, which are copied only once, to where they stay: some are keys.
class Message {
 public:
  void bytes(std::uint32_t field, std::string_view value) {
    if (!value.empty()) part(field, value);
  }
  void part(std::uint32_t field, std::string_view value) {
    head(field, value.size());
    add(value);
  }
  void message(std::uint32_t field, const Message& inner) {
    head(field, inner.size_);
    for (const std::string_view p : inner.parts_) add(p);
  }
  std::size_t size() const { return size_; }
  void write(std::uint8_t* to) const {
    for (const std::string_view p : parts_) to = std::copy(p.begin(), p.end(), to);
  }
  Blob blob(const Host& host) const {
    return host.blob_filled(
        size_, [this](std::uint8_t* to) { write(to); }, true);
  }

 private:
  void head(std::uint32_t field, std::size_t size) {
    constexpr std::uint32_t kLengthDelimited = 2;
    std::array<std::uint8_t, 10> bytes{};
    std::uint8_t* end =
        CodedOutputStream::WriteVarint32ToArray(field << 3 | kLengthDelimited, bytes.data());
    end = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(size), end);
    add(heads_.emplace_back(bytes.data(), end));
  }
  void add(std::string_view part) {
    parts_.push_back(part);
    size_ += part.size();
  }

  std::deque<std::string> heads_;  // parts_ points into them
  std::vector<std::string_view> parts_;
  std::size_t size_ = 0;
};

std::string pem(std::string_view concatenated_der) {
  const auto certificates =
      x509::Certificate::parse_concatenated(crypto::as_bytes(concatenated_der));
  return certificates ? x509::write_pem(*certificates) : std::string();
}

std::string version_of(std::string_view content) {
  return crypto::hex_encode(crypto::sha256(content)).substr(0, SdsResource::kVersionSize);
}

// The version, then Any{type_url = 1, value = 2} around the secret, which is written in place.
Blob encode(const Host& host, const tls::Secret& secret, const std::string& version, bool has_key) {
  const auto size = static_cast<std::uint32_t>(secret.ByteSizeLong());
  Message any;
  any.bytes(1, kSecretType);
  const std::size_t head = any.size() + 1 + CodedOutputStream::VarintSize32(size);
  const auto write = [&](std::uint8_t* to) {
    to = std::copy(version.begin(), version.end(), to);
    any.write(to);
    to = CodedOutputStream::WriteVarint32ToArray(2 << 3 | 2, to + any.size());
    to = CodedOutputStream::WriteVarint32ToArray(size, to);
    write_sorted(secret, size, to);
  };
  return host.blob_filled(version.size() + head + size, write, has_key);
}

Blob encode_svid(const Host& host, const std::string& name, const X509SvidData& svid) {
  tls::Secret secret;
  MessageKeys keys;
  secret.set_name(name);
  tls::TlsCertificate& certificate = *secret.mutable_tls_certificate();
  certificate.mutable_certificate_chain()->set_inline_bytes(pem(svid.chain));
  svid.key.open([&](std::string_view der) {
    keys.put(*certificate.mutable_private_key()->mutable_inline_bytes(),
             crypto::write_secret_pem("PRIVATE KEY", crypto::as_bytes(der)).text());
  });
  // The chain has the public key, so a version tells nothing of the private one.
  return encode(host, secret, version_of(name + '\n' + svid.chain), true);
}

void add_trust_domain(tls::SPIFFECertValidatorConfig& config, const BundleData& bundle) {
  auto* domain = config.add_trust_domains();
  domain->set_name(std::string(bundle.trust_domain.name()));
  domain->mutable_trust_bundle()->set_inline_bytes(pem(bundle.x509_der));
}

Blob encode_bundles(const Host& host, const WorkloadUpdate& update, const SdsSecret& wanted,
                    bool spiffe_validator) {
  tls::Secret secret;
  secret.set_name(wanted.name);
  tls::CertificateValidationContext& context = *secret.mutable_validation_context();
  if (!spiffe_validator) {
    context.mutable_trusted_ca()->set_inline_bytes(pem(wanted.bundle->x509_der));
  } else {
    tls::SPIFFECertValidatorConfig config;
    if (wanted.kind == SdsSecret::Kind::kBundle) {
      add_trust_domain(config, *wanted.bundle);
    } else {  // in the order of their names, ours among them
      BundleMap bundles = update.federated;
      bundles[std::string(update.bundle->trust_domain.name())] = update.bundle;
      for (const auto& [name, bundle] : bundles) add_trust_domain(config, *bundle);
    }
    auto* validator = context.mutable_custom_validator_config();
    validator->set_name("envoy.tls.cert_validator.spiffe");
    validator->mutable_typed_config()->PackFrom(config);
  }
  return encode(host, secret, version_of(secret.SerializeAsString()), false);
}

}  // namespace

Result<std::vector<SdsResource>> sds_resources(const Host& host, const WorkloadUpdate& update,
                                               const std::vector<SdsSecret>& secrets,
                                               bool spiffe_validator) {
  std::vector<SdsResource> out;
  out.reserve(secrets.size());
  for (const SdsSecret& secret : secrets) {
    if (secret.kind == SdsSecret::Kind::kAllBundles && !spiffe_validator)
      return Status::internal("unable to use \"SPIFFE validator\" on Envoy below 1.17");
    const bool plain = secret.kind == SdsSecret::Kind::kBundle && !spiffe_validator;
    const int kind = kFirstKind + 2 * secret.place + (plain ? 1 : 0);
    out.push_back({secret.name, update.encoded(kind, [&](const WorkloadUpdate& u) {
                     return secret.kind == SdsSecret::Kind::kSvid
                                ? encode_svid(host, secret.name, *secret.identity->svid)
                                : encode_bundles(host, u, secret, spiffe_validator);
                   })});
  }
  return out;
}

Blob sds_answer(const Host& host, const SdsHeader& header,
                const std::vector<SdsResource>& resources) {
  Message answer;
  answer.bytes(1, header.version_info);
  for (const SdsResource& resource : resources) answer.part(2, resource.any());
  answer.bytes(4, header.type_url);
  answer.bytes(5, header.nonce);
  return answer.blob(host);
}

Blob sds_delta_answer(const Host& host, const SdsHeader& header,
                      const std::vector<SdsResource>& resources,
                      const std::vector<std::string>& removed) {
  Message answer;
  answer.bytes(1, header.version_info);
  std::deque<Message> wrapped;
  for (const SdsResource& resource : resources) {
    Message& message = wrapped.emplace_back();
    message.bytes(1, resource.version());
    message.part(2, resource.any());
    message.bytes(3, resource.name);
    answer.message(2, message);
  }
  answer.bytes(4, header.type_url);
  answer.bytes(5, header.nonce);
  for (const std::string& name : removed) answer.part(6, name);
  return answer.blob(host);
}

}  // namespace signet::agent
