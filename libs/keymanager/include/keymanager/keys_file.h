// keys.json: private keys on disk, in the form of SPIRE's disk key managers.
//
//   {
//   <tab>"keys": {
//   <tab><tab>"x509-CA-A": "<base64 of PKCS#8, DER>"
//   <tab>}
//   }
//
// Tab-indented, names sorted, no line end after the last brace, mode 0600.
#pragma once

#include <filesystem>
#include <string_view>

#include "keymanager/key_table.h"

namespace signet::keymanager {

inline constexpr std::size_t kMaxKeysFileSize = std::size_t{16} << 20;  // bytes

/// The keys in the file; none when the file does not exist. Unknown JSON members are ignored.
/// Errors   kInvalidArgument: not JSON of that form, not base64, not PKCS#8, or a key type that
///          key managers do not have; the message names the file and the key.
///          kUnavailable: cannot be read
Result<Keys> load_keys_file(const std::filesystem::path& path);

/// The same of a file's content.
Result<Keys> read_keys(std::string_view text);

/// Replaces the file by one that holds `keys`: see replace_private_file.
Status save_keys_file(const std::filesystem::path& path, const Keys& keys);

}  // namespace signet::keymanager
