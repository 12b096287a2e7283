// HTTP/2 by hand, for the tests of what no proper client sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "raw_socket.h"

namespace signet::test::h2 {

constexpr char kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7,
               kWindowUpdate = 8;
constexpr char kEndStream = 1, kEndHeaders = 4;

inline std::string u32(uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
          static_cast<char>(n)};
}

inline std::string frame(char type, char flags, uint32_t stream, std::string_view body) {
  std::string out = u32(static_cast<uint32_t>(body.size())).substr(1);
  out.push_back(type);
  out.push_back(flags);
  return out + u32(stream) + std::string(body);
}

inline std::string preface(const std::string& settings = "") {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0, settings);
}
/// Of a client that takes so many bytes of each answer at first.
inline std::string preface_with_window(uint32_t bytes) {
  return preface(std::string("\0\4", 2) + u32(bytes));
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// Literals without indexing; an integer of HPACK with a prefix of 7 bits.
inline std::string fields(const Fields& all) {
  const auto text = [](const std::string& s) {
    std::string out;
    std::size_t n = s.size();
    if (n < 127) {
      out.push_back(static_cast<char>(n));
    } else {
      out.push_back(127);
      for (n -= 127; n >= 128; n >>= 7) out.push_back(static_cast<char>(n | 128));
      out.push_back(static_cast<char>(n));
    }
    return out + s;
  };
  std::string out;
  for (const auto& [k, v] : all) out += '\0' + text(k) + text(v);
  return out;
}

inline std::string request(uint32_t stream, const std::string& path, const Fields& more = {},
                           char flags = 0, const std::string& method = "POST",
                           const std::string& type = "application/grpc") {
  Fields all = {{":method", method}, {":scheme", "http"}, {":path", path},
                {":authority", "x"}, {"te", "trailers"},  {"content-type", type}};
  all.insert(all.end(), more.begin(), more.end());
  return frame(kHeaders, static_cast<char>(kEndHeaders | flags), stream, fields(all));
}

inline std::string message(std::string_view bytes, char compressed = 0) {
  return compressed + u32(static_cast<uint32_t>(bytes.size())) + std::string(bytes);
}

// Response headers without indexing and mostly without Huffman are readable as they are; what is
// Huffman-coded is shorter, so a small decoder would be needed. nghttp2's inflater does it.
inline std::string decoded(const std::string& block) {
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  std::string out;
  const auto* at = reinterpret_cast<const uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, left, 1);
    if (n < 0) break;
    at += n;
    left -= static_cast<std::size_t>(n);
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      out.append(reinterpret_cast<char*>(nv.name), nv.namelen);
      out += "=";
      out.append(reinterpret_cast<char*>(nv.value), nv.valuelen);
      out += "\n";
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
  }
  nghttp2_hd_inflate_del(inflater);
  return out;
}

struct Frame {
  char type = -1;  // -1: the connection ended
  char flags = 0;
  uint32_t stream = 0;
  std::string body;
};

class Socket {
 public:
  /// "unix:/path" or "tcp:127.0.0.1:81"; with TLS the handshake comes first.
  explicit Socket(const std::string& address, bool tls = false) : raw_(address) {
    if (tls) connected_ = raw_.handshake();
    if (!tls) connected_ = raw_.connected;
  }
  /// Takes over a connection.
  explicit Socket(int connected_fd) : raw_(connected_fd), connected_(true) {}

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) { return raw_.write(bytes); }
  Frame next() {
    Frame f;
    std::string head;
    if (!take(9, &head)) return f;
    const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<uint8_t>(head[i])); };
    if (!take(byte(0) << 16 | byte(1) << 8 | byte(2), &f.body)) return f;
    f.type = head[3];
    f.flags = head[4];
    f.stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
    return f;
  }
  /// The next frame of that type, or the end of the connection.
  Frame next(char type) {
    for (;;) {
      Frame f = next();
      if (f.type == type || f.type == -1) return f;
    }
  }
  RawSocket& raw() { return raw_; }
  bool at_end() { return next(127).type == -1 && ended_; }

 private:
  bool take(std::size_t n, std::string* out) {
    out->resize(n);
    for (std::size_t have = 0; have < n;) {
      const int got = raw_.read(out->data() + have, n - have);
      if (got <= 0) {
        ended_ = got == 0;
        return false;
      }
      have += static_cast<std::size_t>(got);
    }
    return true;
  }
  RawSocket raw_;
  bool connected_ = false;
  bool ended_ = false;
};

struct Answer {
  std::string message;
  std::string trailers;  // decoded; "" when the connection ended before
};

/// The preface of a client that takes answers of any size.
inline std::string open_preface() {
  return preface_with_window(0x7fffffff) + frame(kWindowUpdate, 0, 0, u32(0x7fffffff - 65535));
}

/// One unary call on a connection that has sent its preface. The server's window is not looked at.
inline Answer call(Socket& s, uint32_t stream, const std::string& path, std::string_view bytes) {
  Answer answer;
  s.send(request(stream, path));
  const std::string framed = message(bytes);
  std::string_view rest = framed;
  for (bool last = false; !last;) {
    const std::string_view part = rest.substr(0, 16384);
    rest.remove_prefix(part.size());
    last = rest.empty();
    s.send(frame(kData, last ? kEndStream : 0, stream, part));
  }
  std::string body;
  for (;;) {
    const Frame f = s.next();
    if (f.type == -1) return answer;
    if (f.stream != stream) continue;
    if (f.type == kData) body += f.body;
    if (f.type == kReset) answer.trailers = "reset";
    if (f.type == kReset || (f.type == kHeaders && (f.flags & kEndStream))) {
      if (f.type == kHeaders) answer.trailers = decoded(f.body);
      if (body.size() >= 5) answer.message = body.substr(5);
      return answer;
    }
  }
}

}  // namespace signet::test::h2
