// What an ELF shared object says about itself, read without loading it.
//
// The reader goes by section headers, trusts no number in the file, and bounds all it reads.
// It is the gate before dlopen: nothing of the plugin has run when these facts are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet::kernel {

// Where the bytes come from: an open file, or memory in tests and under the fuzzer.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Exactly `out.size()` bytes from `offset`, or false.
  virtual bool read(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
};

class FileSource final : public ByteSource {
 public:
  explicit FileSource(int fd);  // borrowed
  std::uint64_t size() const override { return size_; }
  bool read(std::uint64_t offset, std::span<std::uint8_t> out) const override;

 private:
  int fd_;
  std::uint64_t size_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  bool read(std::uint64_t offset, std::span<std::uint8_t> out) const override;

 private:
  std::span<const std::uint8_t> bytes_;
};

// The text of .note.signet (base.h, SIGNET_PLUGIN_NOTE).
struct PluginNote {
  std::string name;
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  std::vector<std::string> services;
  std::vector<std::string> needs;
  std::vector<std::string> commands;
};

/// Reads "key=value\0key=value\0". Unknown keys are skipped: newer headers may add some.
/// Errors   kInvalidArgument: no name, no or a bad abi, a control character, over 64 KiB
Result<PluginNote> parse_note(std::string_view text);

struct ElfFacts {
  std::uint16_t machine = 0;
  bool has_note = false;
  std::string note;                  // raw text, for parse_note()
  std::vector<std::string> exports;  // defined, visible dynamic symbols
  std::vector<std::string> needed;   // DT_NEEDED
  std::string run_path;              // DT_RPATH or DT_RUNPATH, "" when neither is there
  std::string build_id;              // hex, may be ""
  bool executable_stack = false;
  bool text_relocations = false;
};

/// Errors   kInvalidArgument: not an ELF shared object of this machine's class and byte
///          order, or one whose headers do not hold together
Result<ElfFacts> read_elf(const ByteSource& source);

/// The machine this process was built for, as e_machine; and a name for one: "x86-64".
std::uint16_t host_machine();
std::string machine_name(std::uint16_t machine);

/// What keeps a plugin with these facts from being loaded: architecture, note, entry symbol,
/// other exports, executable stack, run path, libraries by path, another OpenSSL. Ok when nothing
/// does.
Status check_elf(const ElfFacts& facts);

}  // namespace signet::kernel
