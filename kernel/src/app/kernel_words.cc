#include "app/kernel_words.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "signet/abi/role.h"

#include "host/host_table.h"

namespace signet::kernel {
namespace {

void print_help(Process& process, std::FILE* out) {
  std::fputs("Usage: signet <command> [arguments]\n\nCommands:\n", out);
  auto catalogue = process.catalogue();
  if (catalogue.ok()) {
    for (const std::string& word : (*catalogue)->commands()) {
      const std::string name = (*catalogue)->with_command(word)->note.name;
      std::fprintf(out, "  %-16s (%s) see signet %s -h\n", word.c_str(), name.c_str(),
                   word.c_str());
    }
  }
  std::fputs(
      "  plugin           list, or inspect FILE: what plugins say of themselves, without running "
      "them\n"
      "  validate         -config FILE [-expandEnv]: checks a configuration, starts nothing\n"
      "  version          prints the version\n"
      "  help             prints this\n",
      out);
  if (!catalogue.ok())
    std::fprintf(out, "\nNo plugins: %s\n", catalogue.status().message().c_str());
}

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out.empty() ? "-" : out;
}

bool is_help(const std::string& word) {
  return word == "-h" || word == "-help" || word == "--help";
}

int plugin_list(Process& process) {
  auto catalogue = process.catalogue();
  if (!catalogue.ok()) {
    std::fprintf(stderr, "Error: %s\n", catalogue.status().message().c_str());
    return 1;
  }
  for (const PluginFile& plugin : (*catalogue)->plugins()) {
    std::printf("%-28s %s\n", plugin.note.name.c_str(), joined(plugin.note.services).c_str());
  }
  for (const auto& [path, reason] : (*catalogue)->refused()) {
    std::fprintf(stderr, "refused: %s\n", reason.message().c_str());
  }
  return (*catalogue)->refused().empty() ? 0 : 1;
}

int plugin_inspect(const std::string& given) {
  std::string path = given;
  if (!path.empty() && path[0] != '/') {
    char* real = realpath(given.c_str(), nullptr);
    if (real != nullptr) path = real;
    std::free(real);
  }
  auto file = inspect_plugin(path);
  if (!file.ok()) {
    std::fprintf(stderr, "Error: %s\n", file.status().message().c_str());
    return 1;
  }
  std::printf(
      "file:      %s\nname:      %s\nabi:       %u.%u\nservices:  %s\nneeds:     %s\ncommands:  "
      "%s\nbuild id:  %s\n",
      file->path.c_str(), file->note.name.c_str(), file->note.abi_major, file->note.abi_minor,
      joined(file->note.services).c_str(), joined(file->note.needs).c_str(),
      joined(file->note.commands).c_str(), file->build_id.c_str());
  return 0;
}

int plugin(Process& process, const std::vector<std::string>& words) {
  const bool help = std::any_of(words.begin(), words.end(), is_help);
  if (!help && words.size() == 2 && words[1] == "list") return plugin_list(process);
  if (!help && words.size() == 3 && words[1] == "inspect") return plugin_inspect(words[2]);
  std::fputs(
      "Usage: signet plugin list          the plugins found, and those refused with the reason\n"
      "       signet plugin inspect FILE  what the file says of itself; none of it is run\n",
      help ? stdout : stderr);
  return help ? 0 : 1;
}

// The role whose block the file has at its top.
Result<const PluginFile*> role_of(Process& process, Supervisor& supervisor,
                                  const config::ConfigNode& root) {
  SIGNET_TRY(const Catalogue* catalogue, process.catalogue());
  SIGNET_RETURN_IF_ERROR(load_support_libraries(process.library_dir()));
  std::vector<std::string> blocks;
  for (const PluginFile& known : catalogue->plugins()) {
    if (std::find(known.note.services.begin(), known.note.services.end(), SIGNET_ROLE) ==
        known.note.services.end())
      continue;
    SIGNET_TRY(const PluginFile* file, load_plugin(known.path, ""));
    SIGNET_TRY(const RoleInfo info, supervisor.describe(*file));
    if (root.find(info.block) != nullptr) return file;
    blocks.push_back(info.block);
  }
  return Status::invalid_argument(root.position().to_string() +
                                  ": no block at the top names a role; the roles here are " +
                                  joined(blocks));
}

int validate(Process& process, Supervisor& supervisor, const std::vector<std::string>& words) {
  ConfigSource source;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.starts_with("--")) word.erase(0, 1);
    if (word == "-config" && i + 1 < words.size()) {
      source.path = words[++i];
    } else if (word.starts_with("-config=")) {
      source.path = word.substr(8);
    } else if (word == "-expandEnv" || word == "-expandEnv=true") {
      source.expand_env = true;
    } else {
      const bool help = is_help(words[i]);
      std::fputs("Usage: signet validate -config FILE [-expandEnv]\n", help ? stdout : stderr);
      return help ? 0 : 1;
    }
  }
  if (source.path.empty()) {
    std::fputs("Error: -config is required\n", stderr);
    return 1;
  }
  auto root = source.load();
  if (!root.ok()) {
    std::fprintf(stderr, "%s\n", root.status().message().c_str());
    return 1;
  }
  auto role = role_of(process, supervisor, *root);
  if (!role.ok()) {
    std::fprintf(stderr, "%s\n", role.status().message().c_str());
    return 1;
  }
  return print_validation(supervisor, **role, source);
}

}  // namespace

int print_validation(Supervisor& supervisor, const PluginFile& role, const ConfigSource& source) {
  auto info = supervisor.describe(role);
  if (!info.ok()) {
    std::fprintf(stderr, "Error: %s\n", info.status().message().c_str());
    return 1;
  }
  const Findings findings = supervisor.validate_role(role, source);
  for (const std::string& warning : findings.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (findings.ok()) {
    std::printf("%s\n", info->valid_text.c_str());
    return 0;
  }
  std::fprintf(stderr, "%s\n", info->invalid_text.c_str());
  for (const std::string& error : findings.errors) std::fprintf(stderr, "%s\n", error.c_str());
  return 1;
}

std::optional<int> run_kernel_word(Process& process, Supervisor& supervisor,
                                   const std::vector<std::string>& words) {
  if (words.empty()) {
    print_help(process, stderr);
    return 127;
  }
  const std::string& word = words[0];
  if (is_help(word) || word == "help") {
    print_help(process, stdout);
    return 0;
  }
  if (word == "version" || word == "--version" || word == "-version") {
    const bool help = words.size() > 1 && is_help(words[1]);
    std::puts(help ? "Usage: signet version" : SIGNET_KERNEL_VERSION);
    return 0;
  }
  if (word == "validate") return validate(process, supervisor, words);
  if (word == "plugin") return plugin(process, words);
  return std::nullopt;
}

int print_unknown_word(Process& process, const std::string& word) {
  std::fprintf(stderr, "Error: unknown command \"%s\"\n\n", word.c_str());
  print_help(process, stderr);
  return 127;
}

}  // namespace signet::kernel
