// OpenSSL 3 calls EC_KEY methods deprecated, and still they are the shortest way to let a TLS
// handshake use a key that stays elsewhere.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls_key.h"

#include <algorithm>
#include <thread>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "signet/abi/key_manager.h"
#include "signet/service.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kSignTimeoutNs = 5'000'000'000;

thread_local bool on_worker = false;

template <typename T, void (*F)(T*)>
struct Free {
  void operator()(T* p) const { F(p); }
};
using CertificatePtr = std::unique_ptr<X509, Free<X509, X509_free>>;
using EcKeyPtr = std::unique_ptr<EC_KEY, Free<EC_KEY, EC_KEY_free>>;

// A key of a key manager; kept alive by the EC_KEYs made of it.
struct RemoteKey {
  Host host;
  std::string key_manager;
  std::string key_id;

  Result<std::string> sign(std::string_view digest) const;
};

uint32_t hash_of(std::size_t digest_size) {
  switch (digest_size) {
    case 32:
      return SIGNET_HASH_SHA256;
    case 48:
      return SIGNET_HASH_SHA384;
    case 64:
      return SIGNET_HASH_SHA512;
    default:
      return 0;
  }
}

// Where blocking is allowed.
Result<std::string> sign_now(const RemoteKey& key, const std::string& digest) {
  SIGNET_TRY(const auto manager, ServiceHandle<signet_key_manager>::acquire(
                                     key.host, SIGNET_KEY_MANAGER, key.key_manager));
  std::string signature;
  const signet_sign_req request = {
      sizeof request, hash_of(digest.size()), to_abi(key.key_id), bytes_to_abi(digest), -1, 0};
  SIGNET_RETURN_IF_ERROR(manager.call(
      key.host.monotonic_ns() + kSignTimeoutNs,
      [&](uint32_t kind, const void* msg, std::size_t size) {
        if (kind == SIGNET_KIND_SIGNATURE) signature.assign(static_cast<const char*>(msg), size);
      },
      [&](const signet_key_manager& api, signet_instance* instance, signet_call* call) {
        return api.sign(instance, call, &request);
      }));
  return signature;
}

// sign() is a [worker] function. A client's handshake runs on gRPC's threads: there the work goes
// to another one and the handshake waits, which only its connection notices.
Result<std::string> RemoteKey::sign(std::string_view digest) const {
  if (hash_of(digest.size()) == 0) return Status::invalid_argument("digest of an unusual length");
  const std::string copy(digest);
  if (on_worker) return sign_now(*this, copy);
  Result<std::string> result = Status::internal("not signed");
  std::thread([&] { result = sign_now(*this, copy); }).join();
  return result;
}

int slot() {
  static const int index = EC_KEY_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<RemoteKey>*>(held);
      });
  return index;
}

int sign_hook(int, const unsigned char* digest, int size, unsigned char* out,
              unsigned int* out_size, const BIGNUM*, const BIGNUM*, EC_KEY* ec) {
  const auto* key = static_cast<std::shared_ptr<RemoteKey>*>(EC_KEY_get_ex_data(ec, slot()));
  if (!key) return 0;
  try {
    const auto signature =
        (*key)->sign({reinterpret_cast<const char*>(digest), static_cast<std::size_t>(size)});
    if (!signature || signature->size() > static_cast<std::size_t>(ECDSA_size(ec))) {
      (*key)->host.log_status(LogLevel::kError, "Signing a handshake failed", signature.status());
      return 0;
    }
    std::copy(signature->begin(), signature->end(), out);
    *out_size = static_cast<unsigned>(signature->size());
    return 1;
  } catch (...) {
    return 0;
  }
}

const EC_KEY_METHOD* remote_method() {
  static const EC_KEY_METHOD* method = [] {
    EC_KEY_METHOD* m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    EC_KEY_METHOD_set_sign(m, &sign_hook, nullptr, nullptr);
    return m;
  }();
  return method;
}

PkeyPtr public_key_of(const std::string& leaf_der) {
  const auto* at = reinterpret_cast<const unsigned char*>(leaf_der.data());
  const CertificatePtr leaf(d2i_X509(nullptr, &at, static_cast<long>(leaf_der.size())));
  return PkeyPtr(leaf ? X509_get_pubkey(leaf.get()) : nullptr);
}

Result<PkeyPtr> from_secret(const Secret& secret) {
  PkeyPtr key;
  secret.open([&](std::string_view der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  });
  if (!key) return Status::invalid_argument("the identity's private key is not PKCS#8");
  return key;
}

// The certificate's public key with our method of signing.
Result<PkeyPtr> from_key_manager(const Owner& owner, const Identity& identity,
                                 EVP_PKEY* public_key) {
  const EC_KEY* ec = EVP_PKEY_get0_EC_KEY(public_key);
  if (!ec) return Status::invalid_argument("a key of a key manager must be an EC key to serve TLS");
  EcKeyPtr copy(EC_KEY_new());
  if (!copy || EC_KEY_set_group(copy.get(), EC_KEY_get0_group(ec)) != 1 ||
      EC_KEY_set_public_key(copy.get(), EC_KEY_get0_public_key(ec)) != 1 ||
      EC_KEY_set_method(copy.get(), remote_method()) != 1) {
    return Status::internal("OpenSSL refused the key");
  }
  auto remote = std::make_unique<std::shared_ptr<RemoteKey>>(
      std::make_shared<RemoteKey>(RemoteKey{owner.host, identity.key_manager, identity.key_id}));
  if (EC_KEY_set_ex_data(copy.get(), slot(), remote.get()) != 1)
    return Status::internal("OpenSSL refused the key");
  (void)remote.release();
  PkeyPtr key(EVP_PKEY_new());
  if (!key || EVP_PKEY_assign_EC_KEY(key.get(), copy.get()) != 1)
    return Status::internal("OpenSSL refused the key");
  (void)copy.release();
  return key;
}

}  // namespace

OnWorker::OnWorker() { on_worker = true; }
OnWorker::~OnWorker() { on_worker = false; }

Result<PkeyPtr> private_key_of(const Owner& owner, const Identity& identity) {
  const PkeyPtr public_key = public_key_of(identity.chain.front());
  if (!public_key) return Status::invalid_argument("the identity's certificate cannot be read");
  if (!identity.key) return from_key_manager(owner, identity, public_key.get());
  SIGNET_TRY(PkeyPtr key, from_secret(identity.key));
  if (EVP_PKEY_eq(key.get(), public_key.get()) != 1) {
    return Status::invalid_argument("the identity's key does not belong to its certificate");
  }
  return key;
}

}  // namespace signet::rpc_grpc
