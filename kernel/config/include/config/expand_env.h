// -expandEnv: environment variables in a configuration's text, before it is parsed.
//
// The rules are Go's os.Expand: $NAME and ${NAME}; NAME is letters, digits and '_'; one of
// *#$@!?- or a digit after $ is a name of one character; `${}` and an unclosed `${`
// vanish; a lone $ stays. Beside them `$$` is one `$`, and what is not set is empty.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace signet::config {

using EnvLookup = std::function<std::optional<std::string>(const std::string& name)>;

std::string expand_env(std::string_view text, const EnvLookup& lookup);
/// With the variables of this process.
std::string expand_env(std::string_view text);

}  // namespace signet::config
