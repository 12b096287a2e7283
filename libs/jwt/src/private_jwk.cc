#include "jwt/private_jwk.h"

#include <string_view>

#include "crypto/der_reader.h"
#include "crypto/encoding.h"
#include "x509/bundle_json.h"

namespace signet::jwt {
namespace {

using crypto::ByteView;
using crypto::der::Reader;

// Fixed in size from the start: growing would leave a copy behind, if a wiped one.
class SecretText {
 public:
  explicit SecretText(std::size_t capacity) { bytes_.reserve(capacity); }
  ~SecretText() { crypto::wipe(bytes_); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;

  void put(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void member(std::string_view name, ByteView value) {
    put(",\"");
    put(name);
    put("\":\"");
    put(crypto::base64url_encode_secret(value).text());
    put("\"");
  }
  crypto::SecretBytes take() { return crypto::SecretBytes::adopt(std::move(bytes_)); }

 private:
  crypto::Bytes bytes_;
};

}  // namespace

Result<crypto::SecretBytes> write_private_jwk(const crypto::PrivateKey& key) {
  SIGNET_TRY(const std::string public_half, x509::write_jwk(key.public_key(), ""));
  const crypto::SecretBytes pkcs8 = key.to_pkcs8_der();
  SecretText text(public_half.size() + 2 * pkcs8.size() + 64);
  text.put(std::string_view(public_half).substr(0, public_half.size() - 1));  // without the brace

  Reader info = Reader(pkcs8.view()).sequence();
  info.small_integer();
  info.sequence();
  Reader inner = Reader(info.octet_string()).sequence();
  inner.small_integer();  // the version, of an ECPrivateKey as of an RSAPrivateKey
  if (crypto::is_ec(key.type())) {
    text.member("d", inner.octet_string());
  } else {
    inner.unsigned_integer();  // n and e are in the public half
    inner.unsigned_integer();
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi"}) {
      text.member(name, inner.unsigned_integer());
    }
  }
  if (!info.ok() || !inner.ok()) return Status::internal("the key's own PKCS#8 is malformed");
  text.put("}");
  return text.take();
}

}  // namespace signet::jwt
