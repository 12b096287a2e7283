#include "minter.h"

#include <algorithm>

#include "wire.h"
#include "x509/csr.h"

namespace signet::agent {
namespace {

constexpr std::size_t kMostAtOnce = 500;
constexpr std::size_t kTellingBatch = 20;  // smaller ones say more of latency than of speed

}  // namespace

Result<Minter::Done> Minter::mint(const std::vector<EntryPtr>& entries) {
  svid_v1::BatchNewX509SVIDRequest request;
  std::vector<Secret> keys;
  EntryMap asked;
  const std::int64_t began = host_.monotonic_ns();
  for (const EntryPtr& entry : entries) {
    SIGNET_TRY(const crypto::PrivateKey key, crypto::PrivateKey::generate(key_type_));
    x509::CsrTemplate csr;
    csr.uris = {entry->spiffe_id.to_string()};
    SIGNET_TRY(const crypto::Bytes der, x509::create_csr(csr, key));
    auto* params = request.add_params();
    params->set_entry_id(entry->id);
    params->set_csr(crypto::to_string(der));
    const crypto::SecretBytes pkcs8 = key.to_pkcs8_der();
    keys.push_back(host_.secret(pkcs8.text()));
    if (!keys.back()) return Status::resource_exhausted("the host gave no memory for a key");
    asked[entry->id] = entry;
  }
  auto answer = server_.new_x509_svids(request);
  if (!answer) {
    limit_ = std::max<std::size_t>(limit_ / 2, 1);
    return answer.status();
  }
  limit_ = std::min(limit_ * 2, kMostAtOnce);
  if (answer->results_size() != request.params_size())
    return Status::internal("the server answered another number of X509-SVIDs than were asked for");

  Done done;
  std::vector<std::string> refused;
  std::vector<std::pair<std::string, X509SvidPtr>> minted;
  for (int i = 0; i < answer->results_size(); ++i) {
    const EntryPtr& entry = entries[static_cast<std::size_t>(i)];
    const auto& result = answer->results(i);
    const auto refuse = [&](std::string_view why) {
      refused.push_back(entry->id);
      host_.warn(
          "Failed to mint X509 SVID",
          {{"entry_id", entry->id}, {"spiffe_id", entry->spiffe_id.to_string()}, {"error", why}});
    };
    if (result.status().code() != 0) {
      refuse(result.status().message());
      continue;
    }
    const auto chain = chain_from_wire(result.svid());
    if (!chain) {
      refuse(chain.status().message());
      continue;
    }
    const x509::Certificate& leaf = chain->front();
    minted.emplace_back(entry->id,
                        std::make_shared<X509SvidData>(X509SvidData{
                            crypto::to_string(x509::concatenate(*chain)),
                            keys[static_cast<std::size_t>(i)], x509::to_unix(leaf.not_before()),
                            x509::to_unix(leaf.not_after()), entry->revision_number}));
  }
  done.minted = minted.size();
  const std::int64_t took = host_.monotonic_ns() - began;
  if (done.minted >= kTellingBatch && took > 0) {
    rate_.store(static_cast<double>(done.minted) * 1e9 / static_cast<double>(took),
                std::memory_order_relaxed);
  }
  done.refused = refused.size();
  store_.put_svids(minted, asked);
  for (const auto& [id, svid] : minted) {  // who reads that one is there is given it
    host_.debug("SVID updated", {{"entry_id", id},
                                 {"spiffe_id", asked.at(id)->spiffe_id.to_string()},
                                 Field::time("expires_at", svid->not_after)});
  }
  if (!refused.empty()) store_.refused(refused);
  return done;
}

}  // namespace signet::agent
