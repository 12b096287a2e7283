#include "explain/redact.h"

#include "explain/plain.h"

namespace signet::explain {
namespace {

const std::string* kind_of(std::string_view selector, const Redacted& kinds) {
  for (const std::string& kind : kinds) {
    if (selector.starts_with(kind) && selector.size() > kind.size() && selector[kind.size()] == ':')
      return &kind;
  }
  return nullptr;
}

}  // namespace

std::string shown(std::string_view selector, const Redacted& kinds) {
  const std::string* const kind = kind_of(selector, kinds);
  return kind == nullptr ? utf8(selector, kMostShown) : *kind + ":[redacted]";
}

bool is_redacted(std::string_view selector, const Redacted& kinds) {
  return kind_of(selector, kinds) != nullptr;
}

}  // namespace signet::explain
