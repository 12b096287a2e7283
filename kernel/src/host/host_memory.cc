// signet.host.blob and signet.host.secret: bytes with an owner.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include <openssl/crypto.h>
#include <sys/mman.h>

#include "host/host_table.h"

struct signet_blob {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t flags = 0;
  std::size_t size = 0;
  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
};

struct signet_secret {
  std::atomic<std::uint32_t> references{1};
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

namespace signet::kernel {
namespace {

constexpr std::size_t kMaxBlob = 64u << 20;
constexpr std::size_t kMaxSecret = 1u << 20;

signet_status blob_allocate(const signet_host*, size_t size, std::uint32_t flags,
                            std::uint8_t** data, signet_blob** out) {
  if (size > kMaxBlob) return SIGNET_RESOURCE_EXHAUSTED;
  void* memory = std::malloc(sizeof(signet_blob) + size);
  if (memory == nullptr) return SIGNET_RESOURCE_EXHAUSTED;
  auto* blob = new (memory) signet_blob;
  blob->flags = flags;
  blob->size = size;
  if (data != nullptr) *data = blob->data();
  *out = blob;
  return SIGNET_OK;
}

signet_status blob_create(const signet_host* host, signet_bytes copy_of, std::uint32_t flags,
                          signet_blob** out) {
  std::uint8_t* data = nullptr;
  const signet_status status = blob_allocate(host, copy_of.len, flags, &data, out);
  if (status == SIGNET_OK && copy_of.len > 0) std::memcpy(data, copy_of.ptr, copy_of.len);
  return status;
}

void blob_ref(signet_blob* blob) { blob->references.fetch_add(1, std::memory_order_relaxed); }

void blob_unref(signet_blob* blob) {
  if (blob == nullptr || blob->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if ((blob->flags & SIGNET_BLOB_SECRET) != 0) OPENSSL_cleanse(blob->data(), blob->size);
  blob->~signet_blob();
  std::free(blob);
}

signet_bytes blob_bytes(const signet_blob* blob) { return {blob->data(), blob->size}; }

// Pages that are locked, not dumped and not inherited, cut into pieces of powers of two.
// Keys are small and many: a page for each would soon meet RLIMIT_MEMLOCK.
class SecretPages {
 public:
  static SecretPages& instance() {
    static auto* kPages = new SecretPages;
    return *kPages;
  }
  std::uint8_t* take(std::size_t size) {
    const std::size_t piece = piece_for(size);
    if (piece > kChunk) return map(piece);
    const std::lock_guard lock(mutex_);
    auto& free = free_[index_of(piece)];
    if (free.empty()) {
      std::uint8_t* chunk = map(kChunk);
      if (chunk == nullptr) return nullptr;
      for (std::size_t at = 0; at < kChunk; at += piece) free.push_back(chunk + at);
    }
    std::uint8_t* memory = free.back();
    free.pop_back();
    return memory;
  }
  void give(std::uint8_t* memory, std::size_t size) {
    const std::size_t piece = piece_for(size);
    OPENSSL_cleanse(memory, size);
    if (piece > kChunk) {
      munmap(memory, piece);
      return;
    }
    const std::lock_guard lock(mutex_);
    free_[index_of(piece)].push_back(memory);
  }

 private:
  static constexpr std::size_t kChunk = 16384;
  static std::size_t piece_for(std::size_t size) {
    std::size_t piece = 64;
    while (piece < size) piece *= 2;
    return piece;
  }
  static std::size_t index_of(std::size_t piece) {
    std::size_t index = 0;
    for (; piece > 64; piece /= 2) ++index;
    return index;
  }
  static std::uint8_t* map(std::size_t size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    // Best effort: a container may allow no locked memory, and the key is needed all the same.
    static_cast<void>(mlock(memory, size));
    madvise(memory, size, MADV_DONTDUMP);
    madvise(memory, size, MADV_DONTFORK);
    return static_cast<std::uint8_t*>(memory);
  }
  std::mutex mutex_;
  std::vector<std::uint8_t*> free_[9];  // 64 .. 16384
};

signet_status secret_create(const signet_host*, signet_bytes copy_of, signet_secret** out) {
  if (copy_of.len > kMaxSecret) return SIGNET_RESOURCE_EXHAUSTED;
  std::uint8_t* memory = SecretPages::instance().take(copy_of.len);
  if (memory == nullptr) return SIGNET_RESOURCE_EXHAUSTED;
  if (copy_of.len > 0) std::memcpy(memory, copy_of.ptr, copy_of.len);
  auto* secret = new (std::nothrow) signet_secret;
  if (secret == nullptr) {
    SecretPages::instance().give(memory, copy_of.len);
    return SIGNET_RESOURCE_EXHAUSTED;
  }
  secret->data = memory;
  secret->size = copy_of.len;
  *out = secret;
  return SIGNET_OK;
}

void secret_open(const signet_secret* secret, void (*fn)(void*, signet_bytes), void* arg) {
  fn(arg, {secret->data, secret->size});
}

void secret_ref(signet_secret* secret) {
  secret->references.fetch_add(1, std::memory_order_relaxed);
}

void secret_unref(signet_secret* secret) {
  if (secret == nullptr || secret->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  SecretPages::instance().give(secret->data, secret->size);
  delete secret;
}

}  // namespace

const signet_host_blob kHostBlob = {
    sizeof(signet_host_blob), 0, &blob_create, &blob_allocate, &blob_ref, &blob_unref, &blob_bytes};
const signet_host_secret kHostSecret = {
    sizeof(signet_host_secret), 0, &secret_create, &secret_open, &secret_ref, &secret_unref};

}  // namespace signet::kernel
