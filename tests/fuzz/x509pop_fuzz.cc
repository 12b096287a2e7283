// Hostile input: what agents send to the node attestor x509pop, and its path templates, which an
// administrator writes but which must not be able to end the server.
#include <cstddef>
#include <cstdint>

#include "certificate_facts.h"
#include "messages.h"
#include "path_template.h"
#include "proof.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::x509pop;  // NOLINT: a function, not a header
  namespace crypto = signet::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)read_challenge(text);
  if (const auto payload = read_payload(text)) {
    for (const Bytes& der : payload->certificates) {
      const auto certificate = signet::x509::Certificate::parse(der);
      if (!certificate) continue;
      (void)selectors({*certificate}, "example.org");
      (void)template_data(*certificate, "x509pop", "example.org", "a");
    }
  }
  if (const auto response = read_response(text)) {
    static const auto kKey = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    static const auto kRsa = crypto::PrivateKey::generate(crypto::KeyType::kRsa2048).value();
    const auto& key = (response->rsa ? kRsa : kKey).public_key();
    if (verify(make_challenge(key), *response, key).ok()) __builtin_trap();
  }
  if (const auto parsed = PathTemplate::parse(text)) {
    static const auto kData = nlohmann::json::parse(
        R"({"A": "text", "L": ["a", "b"], "M": {"k": "v"}, "Empty": "", "N": 7})");
    (void)parsed->render(kData);
  }
  return 0;
}
