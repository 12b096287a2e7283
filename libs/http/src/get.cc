#include "http/get.h"

#include <cstring>
#include <memory>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "curl_library.h"
#include "http/url.h"

namespace signet::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxHeadBytes = 64 * 1024;

struct Handle {
  explicit Handle(const CurlLibrary& library) : lib(library), curl(library.easy_init()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { lib.easy_cleanup(curl); }
  const CurlLibrary& lib;
  CURL* const curl;
};

// One request on the wire, as curl's callbacks see it.
struct Transfer {
  const GetRequest& request;
  std::string body = {};
  std::size_t head_bytes = 0;
  bool too_large = false;
  std::string not_public = {};  // the address that may_connect refused
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* arg) {
  auto& transfer = *static_cast<Transfer*>(arg);
  const std::size_t bytes = size * count;
  if (bytes > transfer.request.max_bytes - transfer.body.size()) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.body.append(data, bytes);
  return bytes;
}

std::size_t receive_head(char*, std::size_t size, std::size_t count, void* arg) {
  auto& transfer = *static_cast<Transfer*>(arg);
  transfer.head_bytes += size * count;
  if (transfer.head_bytes <= kMaxHeadBytes) return size * count;
  transfer.too_large = true;
  return 0;
}

int progress(void* arg, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& cancelled = static_cast<Transfer*>(arg)->request.cancelled;
  return cancelled && cancelled() ? 1 : 0;
}

std::string words_for(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                sizeof text);
  } else if (address.sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
                sizeof text);
  }
  return std::string("the address ") + (*text ? text : "of no known family");
}

// Asked with the address that is really connected to, so no name server can lead around it.
curl_socket_t open_socket(void* arg, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(arg);
  if (transfer.request.may_connect && !transfer.request.may_connect(address->addr)) {
    transfer.not_public = words_for(address->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode prepare_tls(CURL*, void* ssl_ctx, void* arg) {
  static_cast<Transfer*>(arg)->request.judge_tls(ssl_ctx);
  return CURLE_OK;
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

// A variable that moves the system's authorities elsewhere, as OpenSSL's and Go's programs read it;
// nullptr when it is not set, or the process has more rights than who started it.
const char* authorities_moved(const char* name) {
  const char* value = secure_getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

void set_options(const Handle& handle, Transfer& transfer, const char* url, char* words,
                 std::chrono::milliseconds time) {
  const GetRequest& request = transfer.request;
  const bool local = !request.unix_socket.empty();
  const auto set = [&](CURLoption option, auto value) {
    handle.lib.easy_setopt(handle.curl, option, value);
  };
  set(CURLOPT_URL, url);
  set(CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer is not waited for at the end
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(time.count()));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, request.judge_tls ? 0L : 2L);
  set(CURLOPT_WRITEFUNCTION, &receive);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, &receive_head);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(CURLOPT_OPENSOCKETDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  set(CURLOPT_ERRORBUFFER, words);
  if (local) set(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (!request.ca_file.empty()) {
    set(CURLOPT_CAINFO, request.ca_file.c_str());
  } else {
    if (const char* file = authorities_moved("SSL_CERT_FILE")) set(CURLOPT_CAINFO, file);
    if (const char* folder = authorities_moved("SSL_CERT_DIR")) set(CURLOPT_CAPATH, folder);
  }
  if (request.judge_tls) {
    set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set(CURLOPT_SSL_CTX_FUNCTION, &prepare_tls);
    set(CURLOPT_SSL_CTX_DATA, &transfer);
  }
}

Status failure(const Transfer& transfer, CURLcode code, const char* words) {
  if (transfer.too_large) return Status::resource_exhausted("the answer is too large");
  if (!transfer.not_public.empty()) {
    return Status(Code::kPermissionDenied, transfer.not_public + " is not a public one");
  }
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return Status(Code::kUnauthenticated, words);
    case CURLE_OPERATION_TIMEDOUT:
      return Status(Code::kDeadlineExceeded, words);
    case CURLE_ABORTED_BY_CALLBACK:
      return Status(Code::kCancelled, "cancelled");
    default:
      return Status::unavailable(words);
  }
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
  if (handle.curl == nullptr) return Status::internal("libcurl cannot be used");
  SIGNET_TRY(std::string url, with_query(handle, request));

  const auto end = Clock::now() + request.timeout;
  for (unsigned redirects = 0;; ++redirects) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return Status(Code::kDeadlineExceeded, "no answer in time");
    Transfer transfer{.request = request};
    char words[CURL_ERROR_SIZE] = {};
    set_options(handle, transfer, url.c_str(), words, left);
    const CURLcode code = lib->easy_perform(handle.curl);
    if (code != CURLE_OK) {
      return failure(transfer, code, words[0] != '\0' ? words : lib->easy_strerror(code));
    }
    long status = 0;
    lib->easy_getinfo(handle.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return std::move(transfer.body);
    const char* next = nullptr;
    if (status >= 300 && status < 400) {
      lib->easy_getinfo(handle.curl, CURLINFO_REDIRECT_URL, &next);
    }
    if (next == nullptr || request.max_redirects == 0 || local) {
      return Status::unavailable("unexpected status code " + std::to_string(status));
    }
    if (redirects == request.max_redirects) return Status::unavailable("too many redirects");
    url = next;
    if (const Status good = check_https_url(url); !good.ok()) {
      return Status::unavailable("the URL of a redirect " + good.message());
    }
  }
}

bool is_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
    const std::uint32_t ip = ntohl(in->sin_addr.s_addr);
    return ip >> 24 != 127 && ip >> 24 != 0 && ip >> 16 != 0xa9fe;  // 127/8, 0/8, 169.254/16
  }
  if (address.sa_family != AF_INET6) return false;
  const in6_addr& ip = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&ip) || IN6_IS_ADDR_V4COMPAT(&ip)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    std::memcpy(&in.sin_addr, ip.s6_addr + 12, 4);
    return is_public(reinterpret_cast<const sockaddr&>(in));
  }
  return !IN6_IS_ADDR_LOOPBACK(&ip) && !IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_LINKLOCAL(&ip);
}

}  // namespace signet::http
