#include "cli/entry_data.h"

#include <limits>
#include <strings.h>

#include <nlohmann/json.hpp>

#include "signet/spiffe_id.h"

#include "cli/admin_command.h"

namespace signet::server::cli {
namespace {

using nlohmann::json;

Status wrong(const std::string& where, const char* wanted) {
  return Status::invalid_argument(where + ": " + wanted + " is expected");
}

Result<json> parse_document(std::string_view text) {
  try {
    json document = json::parse(text);
    if (!document.is_object() && !document.is_null()) {
      return Status::invalid_argument("the JSON is not an object");
    }
    return document;
  } catch (const json::exception& e) {
    std::string reason = e.what();
    if (const std::size_t end = reason.find("] "); end != std::string::npos)
      reason.erase(0, end + 2);
    return Status::invalid_argument("invalid JSON: " + reason);
  }
}

// One object of the document, with its place in it for error texts. The readers leave `out`
// alone when the member is absent; the first error sticks.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  const json* find(const char* name) const {
    const json* found = nullptr;
    for (const auto& [key, value] : object_.items()) {
      if (key == name) return value.is_null() ? nullptr : &value;
      if (strcasecmp(key.c_str(), name) == 0) found = &value;
    }
    return found != nullptr && found->is_null() ? nullptr : found;
  }
  void text(const char* name, std::string* out) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(name, "a string");
    *out = value->get<std::string>();
  }
  void boolean(const char* name, bool* out) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return fail(name, "true or false");
    *out = value->get<bool>();
  }
  template <typename T>
  void integer(const char* name, T* out) {
    const json* value = find(name);
    if (value == nullptr) return;
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    if (!value->is_number_integer() ||
        (value->is_number_unsigned() && value->get<std::uint64_t>() > kMax) ||
        (!value->is_number_unsigned() &&
         value->get<std::int64_t>() < std::numeric_limits<T>::min())) {
      return fail(name, "a whole number within range");
    }
    *out = value->get<T>();
  }
  /// Calls fn(item, its place) for each item of an array.
  template <typename Fn>
  void each(const char* name, Fn&& fn) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return fail(name, "an array");
    for (std::size_t i = 0; i < value->size() && status.ok(); ++i)
      fn((*value)[i], place(name) + "[" + std::to_string(i) + "]");
  }
  void texts(const char* name, std::vector<std::string>* out) {
    each(name, [&](const json& item, const std::string& at) {
      if (item.is_string()) {
        out->push_back(item.get<std::string>());
      } else {
        status = wrong(at, "a string");
      }
    });
  }

  Status status;

 private:
  std::string place(const char* name) const { return where_.empty() ? name : where_ + "." + name; }
  void fail(const char* name, const char* wanted) {
    if (status.ok()) status = wrong(place(name), wanted);
  }
  const json& object_;
  std::string where_;
};

Result<types::Entry> read_entry(const json& object, const std::string& where) {
  if (object.is_null()) return Status::invalid_argument("missing registration entry");
  if (!object.is_object()) return wrong(where, "an object");
  Reader reader(object, where);
  std::string id, spiffe_id, parent_id, hint;
  std::int32_t x509_ttl = 0, jwt_ttl = 0;
  std::int64_t expiry = 0, revision = 0, created_at = 0;
  bool admin = false, downstream = false, store_svid = false;
  std::vector<std::string> federates_with, dns_names;
  types::Entry entry;
  reader.text("entry_id", &id);
  reader.text("spiffe_id", &spiffe_id);
  reader.text("parent_id", &parent_id);
  reader.text("hint", &hint);
  reader.integer("x509_svid_ttl", &x509_ttl);
  reader.integer("jwt_svid_ttl", &jwt_ttl);
  reader.integer("entryExpiry", &expiry);
  reader.integer("revision_number", &revision);
  reader.integer("created_at", &created_at);
  reader.boolean("admin", &admin);
  reader.boolean("downstream", &downstream);
  reader.boolean("store_svid", &store_svid);
  reader.texts("federates_with", &federates_with);
  reader.texts("dns_names", &dns_names);
  reader.each("selectors", [&](const json& item, const std::string& at) {
    if (!item.is_object()) {
      reader.status = wrong(at, "an object");
      return;
    }
    Reader selector(item, at);
    selector.text("type", entry.mutable_selectors()->Add()->mutable_type());
    selector.text("value", entry.mutable_selectors()->rbegin()->mutable_value());
    reader.status = selector.status;
  });
  if (const json* more = reader.find("additional_attributes")) {
    if (!more->is_object()) return wrong(where + ".additional_attributes", "an object");
    Reader attributes(*more, where + ".additional_attributes");
    bool disable_prefetch = false, include_jti = false;
    attributes.boolean("disable_x509_svid_prefetch", &disable_prefetch);
    attributes.boolean("jwt_svid_include_jti", &include_jti);
    if (!attributes.status.ok()) return attributes.status;
    entry.mutable_additional_attributes()->set_disable_x509_svid_prefetch(disable_prefetch);
    entry.mutable_additional_attributes()->set_jwt_svid_include_jti(include_jti);
  }
  if (!reader.status.ok()) return reader.status;

  auto spiffe = parse_id(spiffe_id);
  if (!spiffe) return spiffe.status().prefixed("invalid SPIFFE ID");
  auto parent = parse_id(parent_id);
  if (!parent) return parent.status().prefixed("invalid parent ID");
  *entry.mutable_spiffe_id() = *std::move(spiffe);
  *entry.mutable_parent_id() = *std::move(parent);
  for (const std::string& text : federates_with) {
    const auto domain = TrustDomain::parse_name_or_id(text);
    if (!domain) return domain.status().prefixed("invalid federated trust domain");
    entry.add_federates_with(domain->name());
  }
  entry.set_id(id);
  entry.set_hint(hint);
  entry.set_x509_svid_ttl(x509_ttl);
  entry.set_jwt_svid_ttl(jwt_ttl);
  entry.set_expires_at(expiry);
  entry.set_revision_number(revision);
  entry.set_created_at(created_at);
  entry.set_admin(admin);
  entry.set_downstream(downstream);
  entry.set_store_svid(store_svid);
  for (std::string& name : dns_names) entry.add_dns_names(std::move(name));
  return entry;
}

}  // namespace

Result<std::vector<types::Entry>> read_entries(std::string_view text) {
  SIGNET_TRY(const json document, parse_document(text));
  std::vector<types::Entry> entries;
  if (document.is_null()) return entries;
  Reader reader(document, "");
  reader.each("entries", [&](const json& item, const std::string& at) {
    auto entry = read_entry(item, at);
    if (entry) {
      entries.push_back(*std::move(entry));
    } else {
      reader.status = entry.status();
    }
  });
  if (!reader.status.ok()) return reader.status;
  return entries;
}

Result<std::vector<std::string>> read_entry_ids(std::string_view text) {
  SIGNET_TRY(const json document, parse_document(text));
  std::vector<std::string> ids;
  if (document.is_null()) return ids;
  Reader reader(document, "");
  reader.texts("ids", &ids);
  if (!reader.status.ok()) return reader.status;
  return ids;
}

}  // namespace signet::server::cli
