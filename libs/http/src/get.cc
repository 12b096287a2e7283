#include "http/get.h"

#include <memory>

#include "curl_library.h"

namespace signet::http {
namespace {

struct Handle {
  explicit Handle(const CurlLibrary& library) : lib(library), curl(library.easy_init()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { lib.easy_cleanup(curl); }
  const CurlLibrary& lib;
  CURL* const curl;
};

struct Body {
  std::string text;
  std::size_t limit;
  bool too_large = false;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* arg) {
  auto& body = *static_cast<Body*>(arg);
  const std::size_t bytes = size * count;
  if (bytes > body.limit - body.text.size()) {
    body.too_large = true;
    return 0;  // ends the transfer
  }
  body.text.append(data, bytes);
  return bytes;
}

Result<std::string> with_query(const Handle& handle, const GetRequest& request) {
  std::string url = request.url;
  char separator = url.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [key, value] : request.query) {
    const std::unique_ptr<char, decltype(handle.lib.free)> escaped(
        handle.lib.easy_escape(handle.curl, value.data(), static_cast<int>(value.size())),
        handle.lib.free);
    if (!escaped) return Status::internal("a URL cannot be put together");
    url.append(1, separator).append(key).append(1, '=').append(escaped.get());
    separator = '&';
  }
  return url;
}

}  // namespace

Result<std::string> get(const GetRequest& request) {
  const bool local = !request.unix_socket.empty();
  if (!request.url.starts_with(local ? "http://" : "https://"))
    return Status::invalid_argument(local ? "the URL must start with http://"
                                          : "the URL must start with https://");
  const CurlLibrary* const lib = CurlLibrary::get();
  if (lib == nullptr) return Status::unavailable("libcurl.so.4 is not installed");
  const Handle handle(*lib);
  CURL* const curl = handle.curl;
  if (curl == nullptr) return Status::internal("libcurl cannot be used");
  SIGNET_TRY(const std::string url, with_query(handle, request));

  Body body{{}, request.max_bytes};
  char words[CURL_ERROR_SIZE] = {};
  lib->easy_setopt(curl, CURLOPT_URL, url.c_str());
  lib->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
  lib->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  lib->easy_setopt(curl, CURLOPT_PROXY, "");
  lib->easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  lib->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  lib->easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  lib->easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  lib->easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  lib->easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, &receive);
  lib->easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  lib->easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
  if (local) lib->easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (!request.ca_file.empty()) lib->easy_setopt(curl, CURLOPT_CAINFO, request.ca_file.c_str());

  const CURLcode code = lib->easy_perform(curl);
  if (body.too_large) return Status::resource_exhausted("the answer is too large");
  if (code != CURLE_OK)
    return Status::unavailable(words[0] != '\0' ? words : lib->easy_strerror(code));
  long status = 0;
  lib->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Status::unavailable("unexpected status code " + std::to_string(status));
  return std::move(body.text);
}

}  // namespace signet::http
