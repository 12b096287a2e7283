#include <openssl/err.h>

#include "crypto/der_writer.h"
#include "crypto/pem.h"
#include "key_state.h"

namespace signet::crypto {

namespace {

constexpr std::uint8_t kOidRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
constexpr std::uint8_t kOidEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

Status malformed(const char* text) {
  ERR_clear_error();
  return Status::invalid_argument(text).with("reason", "malformed");
}

Result<PrivateKey> make(ec::KeyPtr key, const ec::Curve& curve) {
  if (!key) return malformed("private key is not valid for its curve");
  SIGNET_TRY(PublicKey public_key,
             PublicKey::from_ec_point(curve.type, ec::public_point(curve, key.get())));
  return PrivateKey(std::make_shared<PrivateKey::State>(
      PrivateKey::State{std::move(public_key), std::move(key), nullptr}));
}

Result<PrivateKey> make(rsa::KeyPtr key) {
  if (!key) return malformed("RSA private key is malformed");
  const auto [modulus, exponent] = rsa::public_parts(key.get());
  SIGNET_TRY(PublicKey public_key, PublicKey::from_rsa(modulus, exponent));
  return PrivateKey(std::make_shared<PrivateKey::State>(
      PrivateKey::State{std::move(public_key), nullptr, std::move(key)}));
}

// ECPrivateKey (RFC 5915). `curve` comes from around it, or is null when the parameters inside
// must say it (the "EC PRIVATE KEY" form).
Result<PrivateKey> read_ec(ByteView der, const ec::Curve* curve) {
  der::Reader top(der);
  der::Reader key = top.sequence();
  const auto version = key.small_integer();
  const ByteView scalar = key.octet_string();
  if (key.next_is(der::context_constructed(0))) {
    der::Reader parameters = key.nested(der::context_constructed(0));
    const ec::Curve* inner = ec::curve_by_oid(parameters.oid());
    if (inner == nullptr || !parameters.at_end() || (curve != nullptr && curve != inner)) {
      return malformed("private key names another curve than expected");
    }
    curve = inner;
  }
  ByteView point;
  if (key.next_is(der::context_constructed(1))) {
    der::Reader wrapped = key.nested(der::context_constructed(1));
    point = wrapped.bit_string_octets();
    if (!wrapped.at_end()) key.fail();
  }
  if (!top.at_end() || !key.at_end() || version != 1 || curve == nullptr) {
    return malformed("EC private key is malformed");
  }
  SIGNET_TRY(PrivateKey result, make(ec::import_private(*curve, scalar), *curve));
  if (!point.empty() && !equal(point, result.public_key().key_bits())) {
    return malformed("private and public key do not belong together");
  }
  return result;
}

}  // namespace

Result<PrivateKey> PrivateKey::generate(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
    case KeyType::kEcP384:
      return make(ec::generate(ec::curve(type)), ec::curve(type));
    case KeyType::kRsa2048:
      return make(rsa::generate(2048));
    case KeyType::kRsa4096:
      return make(rsa::generate(4096));
    default:
      return Status::invalid_argument("keys of this type are not generated")
          .with("key_type", std::string(key_type_name(type)));
  }
}

Result<PrivateKey> PrivateKey::from_pkcs8_der(ByteView der) {
  der::Reader top(der);
  der::Reader info = top.sequence();
  const auto version = info.small_integer();
  der::Reader algorithm = info.sequence();
  const ByteView oid = algorithm.oid();
  const ByteView key = info.octet_string();
  if (!top.at_end() || !info.ok() || !algorithm.ok() || !version || *version > 1) {
    return malformed("PKCS#8 private key is malformed");
  }
  if (equal(oid, kOidEcPublicKey)) {
    const ec::Curve* curve = ec::curve_by_oid(algorithm.oid());
    if (curve == nullptr || !algorithm.at_end()) {
      return Status::invalid_argument("private key is on an unsupported curve")
          .with("reason", "unsupported");
    }
    return read_ec(key, curve);
  }
  if (equal(oid, kOidRsaEncryption)) return make(rsa::import_private(key));
  return Status::invalid_argument("private key algorithm is not supported")
      .with("reason", "unsupported");
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  SIGNET_TRY(const std::vector<PemBlock> blocks, read_pem(pem));
  for (const PemBlock& block : blocks) {
    if (block.label == "PRIVATE KEY") return from_pkcs8_der(block.der.view());
    if (block.label == "EC PRIVATE KEY") return read_ec(block.der.view(), nullptr);
    if (block.label == "RSA PRIVATE KEY") return make(rsa::import_private(block.der.view()));
    if (block.label != "EC PARAMETERS") {  // openssl ecparam puts that block before the key
      return malformed("PEM block is not a private key");
    }
  }
  return malformed("no private key in PEM text");
}

SecretBytes PrivateKey::to_pkcs8_der() const {
  const bool ec_key = state_->ec != nullptr;
  SecretBytes inner;
  const auto put_inner = [&] {
    if (!ec_key) return rsa::export_private(state_->rsa.get());
    const ec::Curve& curve = ec::curve(type());
    der::Writer key(512);  // holds any curve's key, so it never moves and leaves a copy behind
    key.sequence([&] {
      key.small_integer(1);
      key.octet_string(ec::private_scalar(curve, state_->ec.get()).view());
      key.nested(der::context_constructed(1), [&] { key.bit_string(public_key().key_bits()); });
    });
    return SecretBytes::adopt(std::move(key).take());
  };
  inner = put_inner();
  der::Writer out(inner.size() + 64);
  out.sequence([&] {
    out.small_integer(0);
    out.sequence([&] {
      if (ec_key) {
        out.oid(kOidEcPublicKey);
        out.oid(ec::curve(type()).oid);
      } else {
        out.oid(kOidRsaEncryption);
        out.null();
      }
    });
    out.octet_string(inner.view());
  });
  return SecretBytes::adopt(std::move(out).take());
}

SecretBytes PrivateKey::to_pem() const {
  return write_secret_pem("PRIVATE KEY", to_pkcs8_der().view());
}

const PublicKey& PrivateKey::public_key() const { return state_->public_key; }

Result<Bytes> PrivateKey::sign(Hash hash, ByteView digest, RsaPadding padding) const {
  if (hash == Hash::kSha1 || digest.size() != digest_size(hash)) {
    return Status::invalid_argument("digest does not fit its hash");
  }
  Bytes signature = state_->ec ? ec::sign(state_->ec.get(), digest)
                               : rsa::sign(state_->rsa.get(), hash, digest, padding);
  if (signature.empty()) {
    ERR_clear_error();
    return Status::internal("failed to sign digest");
  }
  return signature;
}

}  // namespace signet::crypto
