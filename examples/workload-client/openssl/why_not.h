#pragma once

#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "workload_client/tls.h"

// Why a handshake failed: our own verdict if it was ours, else what OpenSSL says.
inline std::string why_not(SSL* ssl) {
  const signet::Status ours = signet::workload_client::handshake_verdict(ssl);
  if (!ours.ok() && ours.code() != signet::Code::kUnauthenticated) return ours.to_string();
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return text;
}
