// OpenSSL 3 calls engines deprecated, and still they are the only door into gRPC 1.51's TLS for a
// key that is not in a PEM file.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls_engine.h"

#include <charconv>
#include <mutex>
#include <unordered_map>

#include <openssl/engine.h>

#include "tls_key.h"

namespace signet::rpc_grpc {
namespace {

class Registry {
 public:
  uint64_t add(PkeyPtr key) {
    std::lock_guard lock(mutex_);
    keys_.emplace(++last_, std::move(key));
    return last_;
  }
  void remove(uint64_t handle) {
    std::lock_guard lock(mutex_);
    keys_.erase(handle);
  }
  EVP_PKEY* get(uint64_t handle) {  // with a reference of its own
    std::lock_guard lock(mutex_);
    const auto it = keys_.find(handle);
    if (it == keys_.end()) return nullptr;
    EVP_PKEY_up_ref(it->second.get());
    return it->second.get();
  }

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, PkeyPtr> keys_;
};

Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}

// key_id: "7:" and then whatever the file held behind it.
EVP_PKEY* load_private_key(ENGINE*, const char* key_id, UI_METHOD*, void*) {
  uint64_t handle = 0;
  const std::string_view text(key_id);
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), handle);
  if (error != std::errc()) return nullptr;
  return registry().get(handle);
}

void ensure_engine() {
  static const bool added = [] {
    ENGINE* engine = ENGINE_new();
    ENGINE_set_id(engine, "signet");
    ENGINE_set_name(engine, "keys of signet's key managers and secrets");
    ENGINE_set_load_privkey_function(engine, &load_private_key);
    ENGINE_set_flags(engine, ENGINE_FLAGS_BY_ID_COPY | ENGINE_FLAGS_NO_REGISTER_ALL);
    const bool ok = ENGINE_add(engine) == 1;
    ENGINE_free(engine);
    return ok;
  }();
  (void)added;
}

}  // namespace

Result<std::unique_ptr<EngineKey>> EngineKey::create(const Owner& owner, const Identity& identity) {
  ensure_engine();
  SIGNET_TRY(PkeyPtr key, private_key_of(owner, identity));
  return std::unique_ptr<EngineKey>(new EngineKey(registry().add(std::move(key))));
}

EngineKey::~EngineKey() { registry().remove(handle_); }

std::string EngineKey::reference() const {
  return "engine:signet:" + std::to_string(handle_) + ":";
}

}  // namespace signet::rpc_grpc
