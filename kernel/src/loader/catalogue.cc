#include "loader/catalogue.h"

#include <algorithm>
#include <dirent.h>
#include <memory>

#include "config/schema.h"
#include "loader/trust_walk.h"

namespace signet::kernel {

Result<Catalogue> Catalogue::scan(const std::string& directory) {
  Catalogue catalogue;
  catalogue.directory_ = directory;
  auto opened = open_trusted_directory(directory);
  if (!opened.ok()) return opened.status().prefixed("plugin directory");
  Fd listing = std::move(opened).value();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(listing.get()), closedir);
  if (!stream) return Status::unavailable("plugin directory " + directory + " cannot be listed");
  listing.release();  // the stream's now
  std::vector<std::string> names;
  while (const dirent* item = readdir(stream.get())) {
    if (std::string_view(item->d_name).ends_with(".so")) names.emplace_back(item->d_name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    auto file = inspect_plugin(path);
    if (file.ok()) {
      catalogue.plugins_.push_back(std::move(file).value());
    } else {
      catalogue.refused_.emplace_back(path, file.status());
    }
  }
  return catalogue;
}

namespace {

bool holds(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

const PluginFile* Catalogue::with_command(std::string_view word) const {
  for (const PluginFile& plugin : plugins_) {
    if (holds(plugin.note.commands, word)) return &plugin;
  }
  return nullptr;
}

const PluginFile* Catalogue::with_service(std::string_view id) const {
  for (const PluginFile& plugin : plugins_) {
    if (holds(plugin.note.services, id)) return &plugin;
  }
  return nullptr;
}

const PluginFile* Catalogue::named(std::string_view name) const {
  for (const PluginFile& plugin : plugins_) {
    if (plugin.note.name == name) return &plugin;
  }
  return nullptr;
}

std::vector<std::string> Catalogue::commands() const {
  std::vector<std::string> words;
  for (const PluginFile& plugin : plugins_) {
    words.insert(words.end(), plugin.note.commands.begin(), plugin.note.commands.end());
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

Result<std::string> Catalogue::find_file(const std::string& name) const {
  const std::string path = directory_ + "/" + name;
  std::vector<std::string> names;
  for (const PluginFile& plugin : plugins_) {
    if (plugin.path == path) return path;
    names.push_back(plugin.path.substr(directory_.size() + 1));
  }
  for (const auto& [refused, reason] : refused_) {
    if (refused == path) return reason;
  }
  std::string text = "no " + name + " in " + directory_;
  const std::string near = config::nearest_name(name, names);
  if (!near.empty()) text += "; did you mean " + near + "?";
  return Status::not_found(std::move(text));
}

std::string file_for_block(std::string_view type, std::string_view name) {
  std::string file;
  for (const char c : type) file += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  file += '-';
  for (const char c : name) file += c == '_' ? '-' : c;
  return file + ".so";
}

}  // namespace signet::kernel
