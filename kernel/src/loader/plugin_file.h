// PluginFile: a plugin's shared object, trusted, checked and loaded for good.
//
// Order: trust walk, pin, ELF facts, note; only then dlopen, the entry function and the
// comparison of descriptor and note. Nothing is ever unloaded, and the descriptor it was
// loaded through stays open: glibc knows a library by its name, and the name is
// /proc/<pid>/fd/N, so a reused N would silently give the old library.
#pragma once

#include <cstdint>
#include <string>

#include "signet/abi/base.h"
#include "signet/status.h"

#include "loader/elf_reader.h"

namespace signet::kernel {

struct PluginFile {
  std::string path;
  PluginNote note;
  std::string build_id;
  const signet_plugin* descriptor = nullptr;
};

/// Trust walk, ELF facts and note of the file at `path`; no code of it runs.
/// Errors   start with the path, then say what is wrong
Result<PluginFile> inspect_plugin(const std::string& path);

/// Loads the file, or finds it loaded. The result lives as long as the process.
/// pin      lower- or upper-case hex of the file's SHA-256, "" for none
/// Errors   as inspect_plugin(), besides: pin, dlopen, wrong major, note against descriptor
Result<const PluginFile*> load_plugin(const std::string& path, const std::string& pin);

/// Loads `lib/libsignet-*.so` beside the executable's folder, which plugins need by SONAME
/// and could not find otherwise. Once per process; a missing folder is no error.
Status load_support_libraries(const std::string& directory);

/// Does the descriptor say the same as the note, and is it whole?
Status check_descriptor(const signet_plugin& plugin, const PluginNote& note);

}  // namespace signet::kernel
