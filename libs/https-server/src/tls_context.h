// The TLS side of the server: an OpenSSL context for one certificate.
#pragma once

#include <memory>

#include <openssl/ssl.h>

#include "https_server/server.h"

namespace signet::https_server {

using TlsContext = std::shared_ptr<SSL_CTX>;

/// Errors   kInvalidArgument: chain and key cannot be read or do not go together
Result<TlsContext> make_tls_context(const Identity& identity);

}  // namespace signet::https_server
