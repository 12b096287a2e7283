// Messages as the command line prints them with `-output json`.
//
// It is proto-JSON with proto (snake_case) names, zero values written out, absent messages left
// out, keys sorted, 64-bit integers as strings, bytes in base64, all on one line; in strings
// '<', '>', '&', U+2028 and U+2029 are escaped. That is byte for byte what SPIRE's commands
// print, so scripts that read one can read the other.
#pragma once

#include <span>
#include <string>

#include "signet/status.h"

namespace google::protobuf {
class Message;
}

namespace signet::proto {

/// One message as a JSON object, without a line end.
/// Errors   kInternal when a string field is not UTF-8
Result<std::string> to_cli_json(const google::protobuf::Message& message);

/// Several messages of one command: "" for none, the bare object for one, an array for more.
/// No pointer may be null.
Result<std::string> to_cli_json(std::span<const google::protobuf::Message* const> messages);

}  // namespace signet::proto
