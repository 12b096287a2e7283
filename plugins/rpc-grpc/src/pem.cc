#include "pem.h"

#include <algorithm>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace signet::rpc_grpc {

std::string to_pem(std::string_view der) {
  std::string base64((der.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                                reinterpret_cast<const unsigned char*>(der.data()),
                                static_cast<int>(der.size()));
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (int at = 0; at < n; at += 64)
    out.append(base64, static_cast<std::size_t>(at), std::min(64, n - at)) += '\n';
  return out + "-----END CERTIFICATE-----\n";
}

std::vector<std::string> from_pem(std::string_view pem) {
  std::vector<std::string> out;
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (bio && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
    if (std::strcmp(name, PEM_STRING_X509) == 0)
      out.emplace_back(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  BIO_free(bio);
  return out;
}

}  // namespace signet::rpc_grpc
