// The trust walk: may this file become part of our process?
//
// The path is walked from the root by directory descriptors, following no link. Each part
// must belong to root or to the service user and be writable by nobody else; a sticky
// directory of root (such as /tmp) passes when the next part is root's or the user's, since
// nobody else can then rename it. What is returned is the very file that was looked at.
#pragma once

#include <string>

#include "signet/fd.h"
#include "signet/status.h"

namespace signet::kernel {

/// Opens the regular file `path` for reading after the walk.
/// path     absolute; "." and "//" are dropped, ".." is refused
/// Errors   kInvalidArgument: not absolute, a symbolic link, not a regular file; kNotFound;
///          kPermissionDenied: owner or mode, with the part, what it is and the chmod
///          that cures it
Result<Fd> open_trusted_file(const std::string& path);

/// The same for a directory, to list it.
Result<Fd> open_trusted_directory(const std::string& path);

}  // namespace signet::kernel
