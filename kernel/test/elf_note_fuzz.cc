// Bytes of a plugin file as an attacker would place it: headers, sections, notes.
#include <cstddef>
#include <cstdint>

#include "loader/elf_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::kernel;
  const auto facts = read_elf(MemorySource({data, size}));
  if (facts.ok()) {
    static_cast<void>(check_elf(*facts).ok());
    static_cast<void>(parse_note(facts->note).ok());
  }
  static_cast<void>(parse_note({reinterpret_cast<const char*>(data), size}).ok());
  return 0;
}
