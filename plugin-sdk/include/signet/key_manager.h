// Key managers in C++: the interface a plugin implements, and the client a role uses.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "signet/abi/key_manager.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

struct KeyInfo {
  std::string key_id;
  uint32_t key_type = 0;   // SIGNET_KEY_*
  std::string public_key;  // SubjectPublicKeyInfo, DER
};

// What a key manager plugin implements, besides Plugin.
class KeyManager {
 public:
  virtual ~KeyManager() = default;
  /// Replaces the key called key_id; durable when it returns.
  virtual Result<KeyInfo> generate(std::string_view key_id, uint32_t key_type) = 0;
  virtual Result<std::vector<KeyInfo>> list() = 0;
  /// Concurrent. The signature as abi/key_manager.h says.
  virtual Result<std::string> sign(const signet_sign_req& request) = 0;
};

/// The C table of T, a class that derives from Plugin and KeyManager.
template <typename T>
const signet_key_manager* key_manager_table() {
  static constexpr auto kEmitKey = [](const Call& call, const KeyInfo& key) {
    call.emit(SIGNET_KIND_KEY, signet_key_info{sizeof(signet_key_info), key.key_type,
                                               to_abi(key.key_id), bytes_to_abi(key.public_key)});
  };
  static const signet_key_manager kTable = {
      sizeof(signet_key_manager), 0,
      [](signet_instance* i, signet_call* c, signet_str key_id, uint32_t key_type) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const KeyInfo key, plugin_cast<T>(i).generate(view(key_id), key_type));
          kEmitKey(Call(c), key);
          return {};
        });
      },
      [](signet_instance* i, signet_call* c) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const std::vector<KeyInfo> keys, plugin_cast<T>(i).list());
          for (const KeyInfo& key : keys) kEmitKey(Call(c), key);
          return {};
        });
      },
      [](signet_instance* i, signet_call* c, const signet_sign_req* request) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const std::string signature, plugin_cast<T>(i).sign(*request));
          Call(c).emit_bytes(SIGNET_KIND_SIGNATURE, signature);
          return {};
        });
      }};
  return &kTable;
}

// What a key manager plugin may implement besides: taking over another program's keys.
class KeyImporter {
 public:
  virtual ~KeyImporter() = default;
  struct Import {
    std::vector<KeyInfo> keys;  // of the file
    Status taken;               // an error: nothing was
  };
  /// Errors   of reading, as abi/key_manager.h says
  virtual Result<Import> import_keys(std::string_view path, bool take) = 0;
};

/// The C table of T, a class that derives from Plugin and KeyImporter.
template <typename T>
const signet_key_import* key_import_table() {
  static const signet_key_import kTable = {
      sizeof(signet_key_import), 0,
      [](signet_instance* i, signet_call* c, signet_str path, uint32_t take) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const KeyImporter::Import import,
                     plugin_cast<T>(i).import_keys(view(path), take != 0));
          for (const KeyInfo& key : import.keys) {
            Call(c).emit(SIGNET_KIND_KEY,
                         signet_key_info{sizeof(signet_key_info), key.key_type, to_abi(key.key_id),
                                         bytes_to_abi(key.public_key)});
          }
          return import.taken;
        });
      }};
  return &kTable;
}

// The key manager of the caller's scope. Calls block: from a worker only.
class KeyManagerClient {
 public:
  static Result<KeyManagerClient> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle,
               ServiceHandle<signet_key_manager>::acquire(host, SIGNET_KEY_MANAGER, name));
    return KeyManagerClient(host, std::move(handle));
  }
  Result<KeyInfo> generate(std::string_view key_id, uint32_t key_type) const {
    SIGNET_TRY(std::vector<KeyInfo> keys, keys_of([&](const auto& api, auto* i, auto* c) {
                 return api.generate(i, c, to_abi(key_id), key_type);
               }));
    if (keys.size() != 1) return Status::internal("the key manager gave no key");
    return std::move(keys.front());
  }
  Result<std::vector<KeyInfo>> list() const {
    return keys_of([](const auto& api, auto* i, auto* c) { return api.list(i, c); });
  }
  Result<std::string> sign(std::string_view key_id, uint32_t hash_alg, std::string_view digest,
                           int32_t pss_salt_len = -1) const {
    const signet_sign_req request = {sizeof(signet_sign_req), hash_alg,     to_abi(key_id),
                                     bytes_to_abi(digest),    pss_salt_len, 0};
    std::string signature;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        host_.deadline_in(kTimeout),
        [&](uint32_t kind, const void* msg, std::size_t size) {
          if (kind == SIGNET_KIND_SIGNATURE) signature.assign(static_cast<const char*>(msg), size);
        },
        [&](const signet_key_manager& api, signet_instance* i, signet_call* c) {
          return api.sign(i, c, &request);
        }));
    if (signature.empty()) return Status::internal("the key manager gave no signature");
    return signature;
  }

 private:
  static constexpr std::chrono::seconds kTimeout{30};
  KeyManagerClient(const Host& host, ServiceHandle<signet_key_manager> handle)
      : host_(host), handle_(std::move(handle)) {}
  template <typename Fn>
  Result<std::vector<KeyInfo>> keys_of(Fn&& fn) const {
    std::vector<KeyInfo> keys;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        host_.deadline_in(kTimeout),
        [&](uint32_t kind, const void* msg, std::size_t) {
          if (kind != SIGNET_KIND_KEY) return;
          const auto& key = *static_cast<const signet_key_info*>(msg);
          keys.push_back(
              {std::string(view(key.key_id)), key.key_type, std::string(view(key.public_key))});
        },
        std::forward<Fn>(fn)));
    return keys;
  }
  Host host_;
  ServiceHandle<signet_key_manager> handle_;
};

// The key import of the caller's scope. Blocks: from a worker only.
class KeyImportClient {
 public:
  /// Errors   kNotFound: the key manager takes over no keys
  static Result<KeyImportClient> acquire(const Host& host) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_key_import>::acquire(host, SIGNET_KEY_IMPORT));
    return KeyImportClient(std::move(handle));
  }
  /// keys   of the file, also when taking them over is refused
  /// Errors as abi/key_manager.h says
  Status from_file(std::string_view path, bool take, std::vector<KeyInfo>& keys) const {
    return handle_.call(
        INT64_MAX,
        [&](uint32_t kind, const void* msg, std::size_t) {
          if (kind != SIGNET_KIND_KEY) return;
          const auto& key = *static_cast<const signet_key_info*>(msg);
          keys.push_back(
              {std::string(view(key.key_id)), key.key_type, std::string(view(key.public_key))});
        },
        [&](const signet_key_import& api, signet_instance* i, signet_call* c) {
          return api.from_file(i, c, to_abi(path), take ? 1 : 0);
        });
  }

 private:
  explicit KeyImportClient(ServiceHandle<signet_key_import> handle) : handle_(std::move(handle)) {}
  ServiceHandle<signet_key_import> handle_;
};

}  // namespace signet
