#include "loader/elf_reader.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <optional>
#include <unistd.h>

#include <sys/stat.h>

namespace signet::kernel {
namespace {

constexpr std::size_t kMaxSections = 4096;
constexpr std::size_t kMaxSegments = 256;
constexpr std::size_t kMaxSymbols = 1u << 18;
constexpr std::size_t kMaxStrings = 32u << 20;
constexpr std::size_t kMaxDynamic = 4096;

template <typename T>
bool read_one(const ByteSource& source, std::uint64_t offset, T& out) {
  return source.read(offset, {reinterpret_cast<std::uint8_t*>(&out), sizeof(T)});
}

template <typename T>
bool read_many(const ByteSource& source, std::uint64_t offset, std::size_t count,
               std::vector<T>& out) {
  if (count > source.size() / sizeof(T)) return false;
  out.resize(count);
  if (count == 0) return true;
  return source.read(offset, {reinterpret_cast<std::uint8_t*>(out.data()), count * sizeof(T)});
}

Status broken(const std::string& what) {
  return Status::invalid_argument("is not a sound ELF file: " + what);
}

// A string table, read whole; at() never leaves it.
class Strings {
 public:
  bool load(const ByteSource& source, const Elf64_Shdr& section) {
    if (section.sh_type == SHT_NOBITS || section.sh_size > kMaxStrings) return false;
    std::vector<std::uint8_t> bytes;
    if (!read_many(source, section.sh_offset, section.sh_size, bytes)) return false;
    text_.assign(bytes.begin(), bytes.end());
    return true;
  }
  std::optional<std::string> at(std::uint64_t offset) const {
    if (offset >= text_.size()) return std::nullopt;
    const std::size_t end = text_.find('\0', offset);
    if (end == std::string::npos) return std::nullopt;
    return text_.substr(offset, end - offset);
  }

 private:
  std::string text_;
};

struct Sections {
  std::vector<Elf64_Shdr> headers;
  Strings names;

  const Elf64_Shdr* of_type(std::uint32_t type) const {
    for (const Elf64_Shdr& h : headers) {
      if (h.sh_type == type) return &h;
    }
    return nullptr;
  }
  const Elf64_Shdr* named(std::string_view name) const {
    for (const Elf64_Shdr& h : headers) {
      if (names.at(h.sh_name) == name) return &h;
    }
    return nullptr;
  }
};

Result<Elf64_Ehdr> read_header(const ByteSource& source) {
  Elf64_Ehdr header{};
  if (source.size() < sizeof header || !read_one(source, 0, header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return Status::invalid_argument("is not an ELF shared object");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    return Status::invalid_argument("has the wrong architecture: it is not a 64-bit object");
  }
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return Status::invalid_argument("has the wrong architecture: it is big-endian");
  }
  if (header.e_type != ET_DYN) return Status::invalid_argument("is not a shared object");
  return header;
}

Result<Sections> read_sections(const ByteSource& source, const Elf64_Ehdr& header) {
  Sections sections;
  if (header.e_shnum == 0 || header.e_shnum > kMaxSections ||
      header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum ||
      !read_many(source, header.e_shoff, header.e_shnum, sections.headers)) {
    return broken("no usable section headers");
  }
  if (!sections.names.load(source, sections.headers[header.e_shstrndx])) {
    return broken("no section names");
  }
  return sections;
}

Result<bool> stack_is_executable(const ByteSource& source, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> segments;
  if (header.e_phnum == 0 || header.e_phnum > kMaxSegments ||
      header.e_phentsize != sizeof(Elf64_Phdr) ||
      !read_many(source, header.e_phoff, header.e_phnum, segments)) {
    return broken("no usable program headers");
  }
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_GNU_STACK) return (segment.p_flags & PF_X) != 0;
  }
  return true;  // without the header the system makes it executable
}

// One note entry whose owner is `owner`: its type and content.
struct NoteEntry {
  std::uint32_t type = 0;
  std::string content;
};

Result<NoteEntry> read_note_section(const ByteSource& source, const Elf64_Shdr& section,
                                    std::string_view owner) {
  constexpr std::uint64_t kMaxNote = 64 * 1024 + 64;
  std::vector<std::uint8_t> bytes;
  if (section.sh_type == SHT_NOBITS || section.sh_size > kMaxNote ||
      !read_many(source, section.sh_offset, section.sh_size, bytes)) {
    return broken("a note that is too large or cut off");
  }
  std::size_t at = 0;
  while (bytes.size() - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, bytes.data() + at, sizeof note);
    at += sizeof note;
    const std::uint64_t name_size = (std::uint64_t{note.n_namesz} + 3) & ~std::uint64_t{3};
    const std::uint64_t content_size = (std::uint64_t{note.n_descsz} + 3) & ~std::uint64_t{3};
    if (name_size > bytes.size() - at || content_size > bytes.size() - at - name_size) break;
    const std::string_view name(reinterpret_cast<const char*>(bytes.data() + at), note.n_namesz);
    const auto* content = reinterpret_cast<const char*>(bytes.data() + at + name_size);
    at += name_size + content_size;
    if (name.size() == owner.size() + 1 && name.starts_with(owner) && name.back() == '\0') {
      return NoteEntry{note.n_type, std::string(content, note.n_descsz)};
    }
  }
  return broken("a note section without its note");
}

Result<std::vector<std::string>> read_exports(const ByteSource& source, const Sections& sections) {
  const Elf64_Shdr* table = sections.of_type(SHT_DYNSYM);
  if (table == nullptr || table->sh_link >= sections.headers.size() ||
      table->sh_size / sizeof(Elf64_Sym) > kMaxSymbols) {
    return broken("no usable dynamic symbol table");
  }
  Strings names;
  std::vector<Elf64_Sym> symbols;
  if (!names.load(source, sections.headers[table->sh_link]) ||
      !read_many(source, table->sh_offset, table->sh_size / sizeof(Elf64_Sym), symbols)) {
    return broken("the dynamic symbol table is cut off");
  }
  std::vector<std::string> exports;
  for (const Elf64_Sym& symbol : symbols) {
    const unsigned binding = ELF64_ST_BIND(symbol.st_info);
    const unsigned visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (symbol.st_shndx == SHN_UNDEF || binding == STB_LOCAL) continue;
    if (visibility == STV_HIDDEN || visibility == STV_INTERNAL) continue;
    if (symbol.st_shndx == SHN_ABS) continue;  // the name of a version, not code or data
    auto name = names.at(symbol.st_name);
    if (!name) return broken("a symbol without a name");
    exports.push_back(std::move(*name));
  }
  return exports;
}

Status read_dynamic(const ByteSource& source, const Sections& sections, ElfFacts& facts) {
  const Elf64_Shdr* table = sections.of_type(SHT_DYNAMIC);
  if (table == nullptr || table->sh_link >= sections.headers.size() ||
      table->sh_size / sizeof(Elf64_Dyn) > kMaxDynamic) {
    return broken("no usable dynamic section");
  }
  Strings names;
  std::vector<Elf64_Dyn> entries;
  if (!names.load(source, sections.headers[table->sh_link]) ||
      !read_many(source, table->sh_offset, table->sh_size / sizeof(Elf64_Dyn), entries)) {
    return broken("the dynamic section is cut off");
  }
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_TEXTREL) facts.text_relocations = true;
    if (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL) != 0) {
      facts.text_relocations = true;
    }
    if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RPATH && entry.d_tag != DT_RUNPATH) continue;
    auto text = names.at(entry.d_un.d_val);
    if (!text) return broken("a dynamic entry without its text");
    if (entry.d_tag == DT_NEEDED) {
      facts.needed.push_back(std::move(*text));
    } else if (!text->empty()) {
      facts.run_path = std::move(*text);
    }
  }
  return {};
}

}  // namespace

FileSource::FileSource(int fd) : fd_(fd) {
  struct stat info {};
  if (fstat(fd, &info) == 0 && info.st_size > 0) size_ = static_cast<std::uint64_t>(info.st_size);
}

bool FileSource::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  while (!out.empty()) {
    const ssize_t n = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n <= 0) return false;
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool MemorySource::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return false;
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return true;
}

Result<ElfFacts> read_elf(const ByteSource& source) {
  SIGNET_TRY(const Elf64_Ehdr header, read_header(source));
  ElfFacts facts;
  facts.machine = header.e_machine;
  if (facts.machine != host_machine()) return facts;  // check_elf() says so; the rest is moot
  SIGNET_TRY(facts.executable_stack, stack_is_executable(source, header));
  SIGNET_TRY(const Sections sections, read_sections(source, header));
  SIGNET_TRY(facts.exports, read_exports(source, sections));
  SIGNET_RETURN_IF_ERROR(read_dynamic(source, sections, facts));
  if (const Elf64_Shdr* note = sections.named(".note.signet")) {
    SIGNET_TRY(NoteEntry entry, read_note_section(source, *note, "signet"));
    facts.has_note = true;
    facts.note = std::move(entry.content);
  }
  if (const Elf64_Shdr* id = sections.named(".note.gnu.build-id")) {
    if (auto entry = read_note_section(source, *id, "GNU"); entry.ok()) {
      constexpr char kHex[] = "0123456789abcdef";
      for (const unsigned char c : entry->content) {
        facts.build_id += kHex[c >> 4];
        facts.build_id += kHex[c & 15];
      }
    }
  }
  return facts;
}

std::uint16_t host_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#elif defined(__riscv)
  return EM_RISCV;
#elif defined(__powerpc64__)
  return EM_PPC64;
#else
#error "name this machine"
#endif
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_386:
      return "x86";
    case EM_ARM:
      return "arm";
    case EM_S390:
      return "s390";
    default:
      return "machine " + std::to_string(machine);
  }
}

namespace {

// Libraries that every plugin shares with the kernel: a second OpenSSL in the process would bind
// some of the names of the first.
Status check_needed(const std::vector<std::string>& needed) {
  for (const std::string& name : needed) {
    if (name.find('/') != std::string::npos) {
      return Status::invalid_argument("needs the library \"" + name +
                                      "\" by a path; libraries are found by name alone");
    }
    for (const std::string_view shared : {"libcrypto.so.", "libssl.so."}) {
      const std::string ours = std::string(shared) + "3";
      if (name.starts_with(shared) && name != ours) {
        return Status::invalid_argument("needs " + name + ", and this host has " + ours +
                                        ": build it with that OpenSSL");
      }
    }
  }
  return {};
}

}  // namespace

Status check_elf(const ElfFacts& facts) {
  if (facts.machine != host_machine()) {
    return Status::invalid_argument("has the wrong architecture: it is for " +
                                    machine_name(facts.machine) + ", this host is " +
                                    machine_name(host_machine()));
  }
  bool entry = false;
  std::string other;
  for (const std::string& name : facts.exports) {
    if (name == "signet_plugin_entry") {
      entry = true;
    } else if (!name.starts_with("_cgo_") && other.empty()) {
      other = name;
    }
  }
  if (!entry)
    return Status::invalid_argument("has no entry symbol: signet_plugin_entry is not exported");
  if (!facts.has_note)
    return Status::invalid_argument("has no .note.signet: it was built without SIGNET_PLUGIN_NOTE");
  if (!other.empty()) {
    return Status::invalid_argument("exports \"" + other +
                                    "\"; a plugin exports signet_plugin_entry and nothing else");
  }
  if (facts.executable_stack)
    return Status::invalid_argument("asks for an executable stack (link with -z noexecstack)");
  if (facts.text_relocations)
    return Status::invalid_argument("has text relocations (build with -fPIC)");
  if (!facts.run_path.empty()) {
    return Status::invalid_argument("has a library search path of its own (RPATH or RUNPATH \"" +
                                    facts.run_path + "\")");
  }
  return check_needed(facts.needed);
}

namespace {

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    if (!item.empty()) out.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return out;
}

bool read_number(std::string_view text, std::uint32_t& out) {
  if (text.empty() || text.size() > 5) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return true;
}

}  // namespace

Result<PluginNote> parse_note(std::string_view text) {
  if (text.size() > 64 * 1024) return Status::invalid_argument("has a note over 64 KiB");
  PluginNote note;
  bool has_abi = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    for (const char c : line) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
        return Status::invalid_argument("has a note with characters outside printable ASCII");
      }
    }
    const std::size_t equal = line.find('=');
    if (equal == std::string_view::npos)
      return Status::invalid_argument("has a note with a line that is not key=value");
    const std::string_view key = line.substr(0, equal);
    const std::string_view value = line.substr(equal + 1);
    if (key == "name") note.name = value;
    if (key == "services") note.services = split_list(value);
    if (key == "needs") note.needs = split_list(value);
    if (key == "commands") note.commands = split_list(value);
    if (key == "abi") {
      const std::size_t dot = value.find('.');
      has_abi = dot != std::string_view::npos &&
                read_number(value.substr(0, dot), note.abi_major) &&
                read_number(value.substr(dot + 1), note.abi_minor);
    }
  }
  if (note.name.empty()) return Status::invalid_argument("has a note without a name");
  if (!has_abi) return Status::invalid_argument("has a note without a usable abi=MAJOR.MINOR");
  return note;
}

}  // namespace signet::kernel
