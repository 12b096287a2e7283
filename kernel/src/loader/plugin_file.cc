#include "loader/plugin_file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sys/stat.h>

#define BOOST_DLL_USE_STD_FS
#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <boost/dll/shared_library.hpp>

#include "loader/trust_walk.h"

namespace signet::kernel {
namespace {

struct Loaded {
  PluginFile file;
  dev_t device;
  ino_t inode;
  boost::dll::shared_library library;
};

// Never destroyed: plugins' code may run until the process is gone.
struct Registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<Loaded>> plugins;
  std::vector<std::unique_ptr<boost::dll::shared_library>> support;
  std::set<std::string> support_directories;
};
Registry& registry() {
  static auto* kRegistry = new Registry;
  return *kRegistry;
}

std::string lower_hex(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return text;
}

Result<std::string> sha256_of(int fd) {
  const FileSource source(fd);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return Status::internal("SHA-256 is not available");
  }
  std::vector<std::uint8_t> buffer(256 * 1024);
  for (std::uint64_t at = 0; at < source.size();) {
    const std::size_t n = std::min<std::uint64_t>(buffer.size(), source.size() - at);
    if (!source.read(at, {buffer.data(), n})) return Status::unavailable("cannot be read");
    EVP_DigestUpdate(context.get(), buffer.data(), n);
    at += n;
  }
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

Status check_pin(int fd, const std::string& pin) {
  if (pin.empty()) return {};
  if (pin.size() != 64 || pin.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return Status::invalid_argument("plugin_checksum is not 64 hexadecimal digits of a SHA-256");
  }
  SIGNET_TRY(const std::string actual, sha256_of(fd));
  if (actual == lower_hex(pin)) return {};
  return Status::permission_denied("fails its pin: plugin_checksum is " + lower_hex(pin) +
                                   ", the file's SHA-256 is " + actual);
}

Result<PluginFile> read_facts(int fd, const std::string& path) {
  SIGNET_TRY(const ElfFacts facts, read_elf(FileSource(fd)));
  SIGNET_RETURN_IF_ERROR(check_elf(facts));
  PluginFile file;
  file.path = path;
  file.build_id = facts.build_id;
  SIGNET_TRY(file.note, parse_note(facts.note));
  return file;
}

Status check_major(std::uint32_t major) {
  if (major == SIGNET_ABI_MAJOR) return {};
  return Status::failed_precondition("was built for ABI major " + std::to_string(major) +
                                     ", this host has " + std::to_string(SIGNET_ABI_MAJOR));
}

// Loads by descriptor: what was checked is what is mapped, whatever happens to the path.
Status open_library(int fd, boost::dll::shared_library& library) {
  const std::string name = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
  const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local |
                    static_cast<boost::dll::load_mode::type>(RTLD_NODELETE);
  try {
    boost::dll::fs::error_code error;
    dlerror();
    library.load(name, mode, error);
    if (!error) return {};
    const char* text = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc's is per thread
    return Status::failed_precondition(std::string("cannot be loaded: ") +
                                       (text != nullptr ? text : error.message()));
  } catch (const std::exception& e) {
    return Status::failed_precondition(std::string("cannot be loaded: ") + e.what());
  }
}

Result<const PluginFile*> load_open(const std::string& path, const std::string& pin, Fd fd) {
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return Status::unavailable("cannot be examined");
  SIGNET_RETURN_IF_ERROR(check_pin(fd.get(), pin));
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& known : all.plugins) {
    if (known->device == info.st_dev && known->inode == info.st_ino) return &known->file;
  }
  SIGNET_TRY(PluginFile facts, read_facts(fd.get(), path));
  SIGNET_RETURN_IF_ERROR(check_major(facts.note.abi_major));
  auto loaded = std::make_unique<Loaded>(Loaded{std::move(facts), info.st_dev, info.st_ino, {}});
  SIGNET_RETURN_IF_ERROR(open_library(fd.get(), loaded->library));
  fd.release();  // stays open for ever, see the header

  using Entry = const signet_plugin* (*)(std::uint32_t, std::uint32_t);
  const auto entry =
      reinterpret_cast<Entry>(dlsym(loaded->library.native(), "signet_plugin_entry"));
  Loaded& kept = *loaded;
  all.plugins.push_back(std::move(loaded));  // mapped from here on, good or not
  const auto refuse = [&](Status why) -> Result<const PluginFile*> {
    kept.inode = 0;  // not found again as a good one
    return why;
  };
  if (entry == nullptr) return refuse(Status::invalid_argument("has no entry symbol"));
  const signet_plugin* descriptor = nullptr;
  try {
    descriptor = entry(SIGNET_ABI_MAJOR, SIGNET_ABI_MINOR);
  } catch (...) {
    return refuse(Status::internal("threw out of its entry function"));
  }
  if (descriptor == nullptr) {
    return refuse(Status::failed_precondition("does not serve ABI major " +
                                              std::to_string(SIGNET_ABI_MAJOR)));
  }
  if (Status s = check_descriptor(*descriptor, kept.file.note); !s.ok()) return refuse(s);
  kept.file.descriptor = descriptor;
  return &kept.file;
}

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out.empty() ? "none" : out;
}

Status compare_lists(const char* what, std::vector<std::string> in_note,
                     std::vector<std::string> in_code) {
  std::sort(in_note.begin(), in_note.end());
  std::sort(in_code.begin(), in_code.end());
  if (in_note == in_code) return {};
  return Status::failed_precondition(std::string("note and descriptor disagree on ") + what + ": " +
                                     joined(in_note) + " against " + joined(in_code));
}

}  // namespace

Status check_descriptor(const signet_plugin& plugin, const PluginNote& note) {
  if (plugin.struct_size < offsetof(signet_plugin, destroy) + sizeof(plugin.destroy)) {
    return Status::failed_precondition("has a descriptor that is too short");
  }
  SIGNET_RETURN_IF_ERROR(check_major(plugin.abi_major));
  if (plugin.name == nullptr || plugin.version == nullptr || plugin.create == nullptr ||
      plugin.get_service == nullptr || plugin.destroy == nullptr) {
    return Status::failed_precondition(
        "has a descriptor without name, version, create, get_service or destroy");
  }
  if (plugin.service_count > 0 &&
      (plugin.services == nullptr || plugin.service_size < sizeof(signet_service_ref) ||
       plugin.service_count > 64)) {
    return Status::failed_precondition("has a descriptor with an unusable service list");
  }
  if (note.name != plugin.name) {
    return Status::failed_precondition("note and descriptor disagree on name: " + note.name +
                                       " against " + plugin.name);
  }
  if (note.abi_major != plugin.abi_major || note.abi_minor != plugin.abi_minor) {
    return Status::failed_precondition(
        "note and descriptor disagree on abi: " + std::to_string(note.abi_major) + "." +
        std::to_string(note.abi_minor) + " against " + std::to_string(plugin.abi_major) + "." +
        std::to_string(plugin.abi_minor));
  }
  std::vector<std::string> services;
  for (std::uint32_t i = 0; i < plugin.service_count; ++i) {
    const auto* ref = reinterpret_cast<const signet_service_ref*>(
        reinterpret_cast<const char*>(plugin.services) + std::size_t{i} * plugin.service_size);
    if (ref->id == nullptr) return Status::failed_precondition("offers a service without an id");
    services.emplace_back(ref->id);
  }
  SIGNET_RETURN_IF_ERROR(compare_lists("services", note.services, services));
  std::vector<std::string> needs;
  for (const char* const* need = plugin.needs;
       need != nullptr && *need != nullptr && needs.size() < 64; ++need) {
    needs.emplace_back(*need);
  }
  return compare_lists("needs", note.needs, needs);
}

Result<PluginFile> inspect_plugin(const std::string& path) {
  SIGNET_TRY(const Fd fd, open_trusted_file(path));
  auto facts = read_facts(fd.get(), path);
  if (!facts.ok()) return facts.status().prefixed(path);
  return facts;
}

Result<const PluginFile*> load_plugin(const std::string& path, const std::string& pin) {
  SIGNET_TRY(Fd fd, open_trusted_file(path));
  auto loaded = load_open(path, pin, std::move(fd));
  if (!loaded.ok()) return loaded.status().prefixed(path);
  return loaded;
}

Status load_support_libraries(const std::string& directory) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (!all.support_directories.insert(directory).second) return {};
  if (access(directory.c_str(), F_OK) != 0) return {};
  SIGNET_TRY(Fd listing, open_trusted_directory(directory));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(listing.get()), closedir);
  if (!stream) return Status::unavailable(directory + " cannot be listed");
  listing.release();  // the stream's now
  std::vector<std::string> names;
  while (const dirent* item = readdir(stream.get())) {
    const std::string name = item->d_name;
    if (name.starts_with("libsignet-") && name.ends_with(".so")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    SIGNET_TRY(const Fd checked, open_trusted_file(path));
    // By its path, not by the descriptor: plugins find it by SONAME, which glibc compares
    // with what is loaded, and $ORIGIN of its own dependencies needs the real place.
    auto library = std::make_unique<boost::dll::shared_library>();
    boost::dll::fs::error_code error;
    const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local |
                      static_cast<boost::dll::load_mode::type>(RTLD_NODELETE);
    try {
      dlerror();
      library->load(path, mode, error);
    } catch (const std::exception& e) {
      return Status::failed_precondition("support library " + path +
                                         " cannot be loaded: " + e.what());
    }
    if (error) {
      const char* text = dlerror();  // NOLINT(concurrency-mt-unsafe)
      return Status::failed_precondition("support library " + path + " cannot be loaded: " +
                                         (text != nullptr ? text : error.message()));
    }
    all.support.push_back(std::move(library));
  }
  return {};
}

}  // namespace signet::kernel
