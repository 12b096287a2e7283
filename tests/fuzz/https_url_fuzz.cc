// Hostile input: URLs, of redirects by foreign bundle endpoints among them. What is taken is https,
// has a host and no user by the plainest reading, and nothing that readers of URLs differ on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view url(reinterpret_cast<const char*>(data), size);
  if (!signet::http::check_https_url(url).ok()) return 0;
  if (size > signet::http::kMaxUrlBytes || size < 9) std::abort();
  if ((url[0] | 0x20) != 'h' || url.substr(5, 3) != "://") std::abort();
  const std::string_view authority = url.substr(8, url.find_first_of("/?#", 8) - 8);
  // A port alone is taken, as the peer takes it; nobody can be asked there.
  if (authority.empty() || authority.find('@') != std::string_view::npos) std::abort();
  const bool plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  if (!plain) std::abort();
  return 0;
}
