// HashStream: a digest of data that comes in pieces and does not fit in memory.
//
//   HashStream hash(Hash::kSha256);
//   while (read_piece(buffer)) hash.update(buffer);
//   std::string text = hex_encode(hash.finish());
#pragma once

#include <memory>

#include "crypto/hash.h"

namespace signet::crypto {

class HashStream {
 public:
  explicit HashStream(Hash hash);
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;

  void update(ByteView piece);
  /// The digest; nothing may follow.
  Bytes finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace signet::crypto
