#include "wit_minter.h"

#include "jwt/private_jwk.h"
#include "jwt/svid.h"

namespace signet::agent {

Result<std::vector<WitSvidPtr>> WitMinter::mint(const std::vector<EntryPtr>& entries) {
  svid_v1::BatchNewWITSVIDRequest request;
  std::vector<Secret> keys;
  for (const EntryPtr& entry : entries) {
    SIGNET_TRY(const crypto::PrivateKey key, crypto::PrivateKey::generate(key_type_));
    auto* params = request.add_params();
    params->set_entry_id(entry->id);
    params->set_public_key(crypto::to_string(key.public_key().spki()));
    params->set_signing_algorithm(std::string(jwt::algorithm_for(key_type_)));
    SIGNET_TRY(const crypto::SecretBytes jwk, jwt::write_private_jwk(key));
    keys.push_back(host_.secret(jwk.text()));
    if (!keys.back()) return Status::resource_exhausted("the host gave no memory for a key");
  }
  const auto answer = server_.new_wit_svids(request);
  if (!answer) {
    failed_(answer.status());
    return answer.status();
  }
  if (answer->results_size() != request.params_size())
    return Status::internal("the server answered another number of WIT-SVIDs than were asked for");
  std::vector<WitSvidPtr> minted;
  for (int i = 0; i < answer->results_size(); ++i) {
    const auto& result = answer->results(i);
    if (result.status().code() != 0)
      return Status(static_cast<Code>(result.status().code()), result.status().message());
    minted.push_back(std::make_shared<WitSvidData>(
        WitSvidData{result.svid().token(), keys[static_cast<std::size_t>(i)],
                    result.svid().issued_at(), result.svid().expires_at()}));
  }
  return minted;
}

}  // namespace signet::agent
