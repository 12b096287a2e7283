#include "algorithm.h"

#include <algorithm>

#include "jwt/svid.h"

namespace signet::jwt {

namespace {

using crypto::Hash;
using crypto::KeyType;
using crypto::RsaPadding;

constexpr Algorithm kAlgorithms[] = {
    {"ES256", false, KeyType::kEcP256, Hash::kSha256, RsaPadding::kPkcs1},
    {"ES384", false, KeyType::kEcP384, Hash::kSha384, RsaPadding::kPkcs1},
    {"ES512", false, KeyType::kEcP521, Hash::kSha512, RsaPadding::kPkcs1},
    {"RS256", true, KeyType::kRsaOther, Hash::kSha256, RsaPadding::kPkcs1},
    {"RS384", true, KeyType::kRsaOther, Hash::kSha384, RsaPadding::kPkcs1},
    {"RS512", true, KeyType::kRsaOther, Hash::kSha512, RsaPadding::kPkcs1},
    {"PS256", true, KeyType::kRsaOther, Hash::kSha256, RsaPadding::kPss},
    {"PS384", true, KeyType::kRsaOther, Hash::kSha384, RsaPadding::kPss},
    {"PS512", true, KeyType::kRsaOther, Hash::kSha512, RsaPadding::kPss},
};

}  // namespace

const Algorithm* find_algorithm(std::string_view name) {
  const auto* found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                   [&](const Algorithm& a) { return a.name == name; });
  return found == std::end(kAlgorithms) ? nullptr : found;
}

std::string_view algorithm_for(crypto::KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return "ES256";
    case KeyType::kEcP384:
      return "ES384";
    case KeyType::kEcP521:
      return "ES512";
    default:
      return "RS256";
  }
}

}  // namespace signet::jwt
