// create_csr: the bytes of a PKCS#10 request.
#include "crypto/der_writer.h"
#include "extension_writer.h"
#include "oids.h"
#include "x509/csr.h"

namespace signet::x509 {

namespace der = crypto::der;

Result<Bytes> create_csr(const CsrTemplate& request, const crypto::Signer& signer) {
  const Bytes subject = request.subject.encode();
  der::Writer info(512);
  info.sequence([&] {
    info.small_integer(0);
    info.raw(subject);
    info.raw(signer.spki());
    info.nested(der::context_constructed(0), [&] {
      if (request.uris.empty() && request.dns_names.empty()) return;
      const std::vector<std::string_view> uris(request.uris.begin(), request.uris.end());
      info.sequence([&] {
        info.oid(oid::kExtensionRequest);
        info.set([&] {
          info.sequence([&] {
            put_subject_alt_name(info, request.dns_names, uris, request.subject.empty());
          });
        });
      });
    });
  });
  const crypto::KeyType type = signer.key_type();
  const crypto::Hash hash = crypto::default_hash(type);
  SIGNET_TRY(const Bytes signature,
             signer.sign(hash, crypto::digest(hash, info.bytes()), crypto::RsaPadding::kPkcs1));
  der::Writer out(info.size() + signature.size() + 32);
  out.sequence([&] {
    out.raw(info.bytes());
    put_signature_algorithm(out, type);
    out.bit_string(signature);
  });
  return std::move(out).take();
}

Result<Bytes> create_csr(const CsrTemplate& request, const crypto::PrivateKey& key) {
  return create_csr(request, crypto::PrivateKeySigner(key));
}

}  // namespace signet::x509
