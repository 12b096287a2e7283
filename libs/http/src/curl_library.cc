#include "curl_library.h"

#include <dlfcn.h>

namespace signet::http {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function& out) {
  out = reinterpret_cast<Function>(dlsym(library, name));
  return out != nullptr;
}

const CurlLibrary* load() {
  static CurlLibrary curl;
  void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return nullptr;
  decltype(&curl_global_init) global_init = nullptr;
  const bool complete = find(library, "curl_global_init", global_init) &&
                        find(library, "curl_easy_init", curl.easy_init) &&
                        find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                        find(library, "curl_easy_setopt", curl.easy_setopt) &&
                        find(library, "curl_easy_perform", curl.easy_perform) &&
                        find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
                        find(library, "curl_easy_escape", curl.easy_escape) &&
                        find(library, "curl_easy_strerror", curl.easy_strerror) &&
                        find(library, "curl_free", curl.free);
  return complete && global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? &curl : nullptr;
}

}  // namespace

const CurlLibrary* CurlLibrary::get() {
  static const CurlLibrary* const kLibrary = load();
  return kLibrary;
}

}  // namespace signet::http
