#include "method_registry.h"

#include <cassert>

namespace signet::server {

void MethodRegistry::add(std::string_view method, std::uint32_t rpc_flags, Parse parse,
                         Stream stream) {
  const MethodRule* rule = find_method(method);
  assert(rule != nullptr && "a method needs a row in method_table.h");
  if (rule == nullptr) return;  // nobody may call it, so it is not served
  methods_.push_back({rule, rpc_flags, std::move(parse), std::move(stream)});
}

void MethodRegistry::never_blocks(std::string_view method) {
  for (Method& each : methods_) {
    if (each.rule->method == method) each.never_blocks = true;
  }
}

}  // namespace signet::server
