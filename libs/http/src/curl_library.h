// libcurl, loaded with the first request.
//
// Linked in the ordinary way it would pull some twenty libraries (GnuTLS, Kerberos, LDAP, ...) into
// every agent, 4 MiB resident, for a request that most agents never make.
#pragma once

#include <curl/curl.h>

namespace signet::http {

struct CurlLibrary {
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&(::curl_easy_setopt)) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&(::curl_easy_getinfo)) easy_getinfo;
  decltype(&curl_easy_escape) easy_escape;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_free) free;

  /// The library, initialised; null when it is not installed. Never unloaded. Thread-safe.
  static const CurlLibrary* get();
};

}  // namespace signet::http
