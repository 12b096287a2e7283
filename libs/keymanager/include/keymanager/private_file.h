// Files that only their owner may read, replaced as a whole or not at all.
#pragma once

#include <filesystem>

#include "signet/status.h"

#include "crypto/secret_bytes.h"

namespace signet::keymanager {

/// The file's content, at most `max_size` bytes. Only a regular file is read.
/// Errors   kNotFound: there is none. kInvalidArgument: not a regular file, or too large.
///          kUnavailable: it cannot be read
Result<crypto::SecretBytes> read_private_file(const std::filesystem::path& path,
                                              std::size_t max_size);

/// Writes `content` to "<path>.tmp" (mode 0600), syncs it, renames it to `path` and syncs the
/// folder. When it fails, `path` still holds what it held; only if the folder's own sync fails
/// (a broken disk) may the new content be there already.
/// Errors   kUnavailable, with the step that failed and the system's reason
Status replace_private_file(const std::filesystem::path& path, crypto::ByteView content);

/// Makes `folder` with mode 0700 where it is missing (and its parents), and proves by a file
/// ".probe" that one can write there.
/// Errors   kUnavailable
Status ensure_private_folder(const std::filesystem::path& folder);

}  // namespace signet::keymanager
