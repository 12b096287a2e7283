// Files that commands leave behind: certificates, keys, tokens.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::cli {

/// Replaces the file in one step: a reader sees the old content or the new, never a part, and no
/// more than `mode` allows. The target of a symbolic link is replaced, not the link. What is not a
/// regular file (/dev/stdout), or lies in a folder that cannot be written, is written in place.
/// Errors   "open PATH: permission denied" and the like
Status write_file(const std::string& path, std::string_view content, unsigned mode);
inline constexpr unsigned kPublicMode = 0644;   // certificates
inline constexpr unsigned kPrivateMode = 0600;  // keys and tokens

/// `folder`/`name` without "." segments and doubled slashes.
std::string join_path(const std::string& folder, const std::string& name);
/// The same for a path alone.
std::string clean_path(const std::string& path);

}  // namespace signet::cli
