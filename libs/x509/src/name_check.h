// The shape of a Name, for parsers that keep it as bytes.
#pragma once

#include "crypto/bytes.h"

namespace signet::x509 {

/// True when `der` is exactly one Name (RFC 5280 4.1.2.4).
bool is_name(crypto::ByteView der);

}  // namespace signet::x509
