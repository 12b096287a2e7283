// Where among the peer's frames its bytes end (RFC 9113 3.4, 4.1). nghttp2 does not tell, and the
// log is to say when a connection was cut off in the middle of something.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace signet::rpc_grpc {

class H2Position {
 public:
  void pass(const uint8_t* bytes, std::size_t size);
  /// What the peer has not said to its end; null: nothing.
  const char* cut() const;

 private:
  static constexpr uint32_t kPreface = 24;
  static constexpr uint8_t kFrameHead = 9;

  uint32_t left_ = kPreface;  // of the preface or a frame's payload
  uint32_t length_ = 0;       // of the payload whose head is coming in
  uint8_t head_ = 0;          // bytes of that head
  bool greeting_ = true;      // left_ is the preface's
};

inline void H2Position::pass(const uint8_t* bytes, std::size_t size) {
  while (size != 0) {
    if (left_ != 0) {
      const auto part = static_cast<uint32_t>(std::min<std::size_t>(left_, size));
      left_ -= part;
      bytes += part;
      size -= part;
      if (left_ == 0) greeting_ = false;
      continue;
    }
    if (head_ < 3) length_ = length_ << 8 | *bytes;
    ++bytes;
    --size;
    if (++head_ < kFrameHead) continue;
    left_ = length_;
    length_ = head_ = 0;
  }
}

inline const char* H2Position::cut() const {
  if (greeting_) return left_ == kPreface ? nullptr : "it ended inside the HTTP/2 preface";
  return left_ != 0 || head_ != 0 ? "it ended inside a frame" : nullptr;
}

}  // namespace signet::rpc_grpc
