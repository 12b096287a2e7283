#include "proof.h"

#include <algorithm>

#include "crypto/random.h"

namespace signet::x509pop {
namespace {

using crypto::Hash;

crypto::Digest signed_digest(const Bytes& challenge_nonce, const Bytes& response_nonce) {
  const ByteView parts[] = {challenge_nonce, response_nonce};
  return crypto::digest(Hash::kSha256, parts);
}

Bytes without_leading_zeros(ByteView number) {
  const auto first =
      std::find_if(number.begin(), number.end(), [](std::uint8_t byte) { return byte != 0; });
  return {first, number.end()};
}

std::size_t field_bytes(const crypto::PublicKey& key) {
  return (static_cast<std::size_t>(key.bits()) + 7) / 8;
}

// r and s of any length, as r || s of the width that the curve has.
Result<Bytes> fixed_width(const Bytes& r, const Bytes& s, std::size_t width) {
  Bytes raw(2 * width);
  const Bytes* numbers[] = {&r, &s};
  for (std::size_t n = 0; n < 2; ++n) {
    const Bytes number = without_leading_zeros(*numbers[n]);
    if (number.empty() || number.size() > width) {
      return Status::invalid_argument("the signature is out of range");
    }
    std::copy(number.begin(), number.end(),
              raw.begin() + static_cast<std::ptrdiff_t>((n + 1) * width - number.size()));
  }
  return raw;
}

}  // namespace

Challenge make_challenge(const crypto::PublicKey& key) {
  return {crypto::is_rsa(key.type()), crypto::random_bytes(kNonceBytes)};
}

Result<Response> answer(const Challenge& challenge, const crypto::PrivateKey& key) {
  if (challenge.rsa != crypto::is_rsa(key.type())) {
    return Status::invalid_argument("the challenge is for another kind of key");
  }
  if (challenge.nonce.size() != kNonceBytes) {
    return Status::invalid_argument("the challenge's nonce has not 32 bytes");
  }
  Response response{challenge.rsa, crypto::random_bytes(kNonceBytes), {}, {}, {}};
  const crypto::Digest digest = signed_digest(challenge.nonce, response.nonce);
  SIGNET_TRY(Bytes signature, key.sign(Hash::kSha256, digest, crypto::RsaPadding::kPss));
  if (challenge.rsa) {
    response.signature = std::move(signature);
    return response;
  }
  SIGNET_TRY(const Bytes raw, crypto::ecdsa_der_to_raw(key.type(), signature));
  const ByteView numbers(raw);
  response.r = without_leading_zeros(numbers.first(raw.size() / 2));
  response.s = without_leading_zeros(numbers.last(raw.size() / 2));
  return response;
}

Status verify(const Challenge& challenge, const Response& response, const crypto::PublicKey& key) {
  if (response.rsa != challenge.rsa || challenge.rsa != crypto::is_rsa(key.type())) {
    return Status::invalid_argument("the response is for another kind of key");
  }
  if (response.nonce.size() != kNonceBytes) {
    return Status::invalid_argument("the response's nonce has not 32 bytes");
  }
  const crypto::Digest digest = signed_digest(challenge.nonce, response.nonce);
  // Go signs with the longest salt that fits, so no length can be demanded.
  if (challenge.rsa) {
    return key.verify(Hash::kSha256, digest, response.signature, crypto::RsaPadding::kPssAnySalt);
  }
  SIGNET_TRY(const Bytes raw, fixed_width(response.r, response.s, field_bytes(key)));
  SIGNET_TRY(const Bytes der, crypto::ecdsa_raw_to_der(key.type(), raw));
  return key.verify(Hash::kSha256, digest, der);
}

}  // namespace signet::x509pop
