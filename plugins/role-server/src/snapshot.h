// Snapshot<T>: a shared, immutable value that is replaced as a whole.
//
// The free functions guard it with a mutex that is held for a reference count only. GCC 12's
// std::atomic<std::shared_ptr> would do the same with a spin bit, but ThreadSanitizer cannot
// follow that one.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace signet::server {

template <typename T>
class Snapshot {
 public:
  using Pointer = std::shared_ptr<const T>;
  Pointer load() const { return std::atomic_load_explicit(&value_, std::memory_order_acquire); }
  void store(Pointer value) {
    std::atomic_store_explicit(&value_, std::move(value), std::memory_order_release);
  }

 private:
  Pointer value_;
};

}  // namespace signet::server
