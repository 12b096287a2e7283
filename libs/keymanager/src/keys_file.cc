#include "keymanager/keys_file.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "keymanager/private_file.h"

namespace signet::keymanager {
namespace {

using nlohmann::json;

// Reads the file as a stream of events, so that no tree of unwiped strings with keys in them
// comes into being: each value is decoded and overwritten where it stands.
class KeysReader : public nlohmann::json_sax<json> {
 public:
  Keys take() { return std::move(keys_); }
  const std::string& problem() const { return problem_; }

  bool start_object(std::size_t) override {
    if (depth_ == 1 && name_ == "keys") in_keys_ = true;
    if (in_keys_ && depth_ > 1) return stop("key \"" + name_ + "\" is not a string");
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ == 1) in_keys_ = false;
    return true;
  }
  bool start_array(std::size_t) override {
    if (!scalar("an array")) return false;
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(std::string& name) override {
    name_ = name;
    return true;
  }
  bool string(std::string& value) override {
    const bool good = in_keys_ ? add(value) : scalar("a string");
    crypto::wipe(value.data(), value.size());
    return good;
  }
  bool null() override { return depth_ == 1 || scalar("null"); }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(std::int64_t) override { return scalar("a number"); }
  bool number_unsigned(std::uint64_t) override { return scalar("a number"); }
  bool number_float(double, const std::string&) override { return scalar("a number"); }
  bool binary(json::binary_t&) override { return scalar("binary"); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return stop("not JSON at byte " +
                std::to_string(position));  // the token may be a key: not shown
  }

 private:
  bool stop(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  // A value that is no key. It is fine in members that we do not know.
  bool scalar(const char* what) {
    if (depth_ == 0) return stop(std::string("the top is ") + what + ", not an object");
    if (in_keys_) return stop("key \"" + name_ + "\" is " + what + ", not a string");
    if (depth_ == 1 && name_ == "keys") {
      return stop(std::string("\"keys\" is ") + what + ", not an object");
    }
    return true;
  }
  bool add(const std::string& text) {
    auto bytes = crypto::base64_decode(text);
    if (!bytes) return stop("key \"" + name_ + "\" is not base64");
    const auto der = crypto::SecretBytes::adopt(std::move(*bytes));
    auto key = crypto::PrivateKey::from_pkcs8_der(der.view());
    if (!key.ok()) return stop("key \"" + name_ + "\": " + key.status().message());
    if (const auto type = abi_key_type(key->type()); !type.ok()) {
      return stop("key \"" + name_ + "\": " + type.status().message());
    }
    keys_.insert_or_assign(name_, std::move(*key));
    return true;
  }

  Keys keys_;
  std::string name_;
  std::string problem_;
  std::size_t depth_ = 0;
  bool in_keys_ = false;
};

void append(crypto::SecretBytes& out, std::size_t& used, std::string_view text) {
  std::copy(text.begin(), text.end(), out.data() + used);
  used += text.size();
}

}  // namespace

Result<Keys> read_keys(std::string_view text) {
  KeysReader reader;
  if (!json::sax_parse(text.begin(), text.end(), &reader)) {
    return Status::invalid_argument(reader.problem());
  }
  return reader.take();
}

Result<Keys> load_keys_file(const std::filesystem::path& path) {
  auto content = read_private_file(path, kMaxKeysFileSize);
  if (!content.ok()) {
    if (content.status().code() == Code::kNotFound) return Keys();
    return content.status();
  }
  auto keys = read_keys(content->text());
  if (!keys.ok()) {
    return Status::invalid_argument("keys file " + path.string() +
                                    " is damaged: " + keys.status().message());
  }
  return keys;
}

Status save_keys_file(const std::filesystem::path& path, const Keys& keys) {
  // All parts first, then one buffer of the right size: growing one would leave copies behind.
  std::vector<std::pair<std::string, crypto::SecretBytes>> parts;
  std::size_t size = 32;
  try {
    for (const auto& [key_id, key] : keys) {
      std::string name = json(key_id).dump();
      parts.emplace_back(std::move(name), crypto::base64_encode_secret(key.to_pkcs8_der().view()));
      size += parts.back().first.size() + parts.back().second.size() + 16;
    }
  } catch (const json::exception&) {
    return Status::invalid_argument("a key id is not UTF-8");
  }
  crypto::SecretBytes out(size);
  std::size_t used = 0;
  append(out, used, "{\n\t\"keys\": {");
  const char* separator = "\n\t\t";
  for (const auto& [name, value] : parts) {
    append(out, used, separator);
    append(out, used, name);
    append(out, used, ": \"");
    append(out, used, value.text());
    append(out, used, "\"");
    separator = ",\n\t\t";
  }
  append(out, used, parts.empty() ? "}\n}" : "\n\t}\n}");
  return replace_private_file(path, out.view().first(used));
}

}  // namespace signet::keymanager
