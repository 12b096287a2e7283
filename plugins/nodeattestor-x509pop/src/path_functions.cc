#include "path_functions.h"

#include <algorithm>
#include <array>

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::x509pop {
namespace {

using Json = nlohmann::json;

Status wrong(const char* text) { return Status::invalid_argument(text); }

// As Go's calls: nothing is made into a text by itself.
Result<std::string> text(const Json& value) {
  if (!value.is_string()) return wrong("a string is expected");
  return value.get<std::string>();
}
// For functions that know all of Unicode in Go and ASCII here.
Result<std::string> ascii(const Json& value) {
  SIGNET_TRY(std::string s, text(value));
  const bool plain =
      std::none_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) > 127; });
  if (!plain) return wrong("only ASCII text is taken here");
  return s;
}
Result<std::int64_t> number(const Json& value) {
  if (!value.is_number_integer()) return wrong("a number is expected");
  return value.get<std::int64_t>();
}
Result<Json> list(const Json& value) {
  if (!value.is_array()) return wrong("a list is expected");
  return value;
}

template <typename Change>
Result<Json> each_char(const Arguments& a, Change&& change) {
  SIGNET_TRY(std::string s, ascii(a[0]));
  std::transform(s.begin(), s.end(), s.begin(), change);
  return Json(std::move(s));
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string trimmed(const std::string& s, std::string_view cut) {
  const std::size_t first = s.find_first_not_of(cut);
  if (first == std::string::npos) return {};
  return s.substr(first, s.find_last_not_of(cut) - first + 1);
}

Result<Json> replace(const Arguments& a) {
  SIGNET_TRY(const std::string from, text(a[0]));
  SIGNET_TRY(const std::string to, text(a[1]));
  SIGNET_TRY(const std::string s, text(a[2]));
  if (from.empty()) return wrong("replace: what is to be replaced is empty");
  std::string out;
  std::size_t at = 0;
  for (std::size_t hit = s.find(from); hit != std::string::npos; hit = s.find(from, at)) {
    out.append(s, at, hit - at).append(to);
    at = hit + from.size();
    if (out.size() > kMaxValueBytes) return wrong("a value is too large");
  }
  return Json(out.append(s, at));
}

Result<Json> trunc(const Arguments& a) {
  SIGNET_TRY(const std::int64_t n, number(a[0]));
  SIGNET_TRY(const std::string s, text(a[1]));
  const auto size = static_cast<std::int64_t>(s.size());
  if (n >= 0) return Json(s.substr(0, static_cast<std::size_t>(std::min(n, size))));
  return Json(n <= -size ? s : s.substr(static_cast<std::size_t>(size + n)));
}

Result<Json> substr(const Arguments& a) {
  SIGNET_TRY(const std::int64_t start, number(a[0]));
  SIGNET_TRY(const std::int64_t end, number(a[1]));
  SIGNET_TRY(const std::string s, text(a[2]));
  const auto size = static_cast<std::int64_t>(s.size());
  // A start below 0 is the beginning; only otherwise may the end be left open or too large.
  const std::int64_t from = std::max<std::int64_t>(start, 0);
  const std::int64_t to = start >= 0 && (end < 0 || end > size) ? size : end;
  if (from > to || to > size) return wrong("substr: no such part");
  return Json(s.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
}

Result<Json> split_list(const Arguments& a) {
  SIGNET_TRY(const std::string separator, text(a[0]));
  SIGNET_TRY(const std::string s, text(a[1]));
  if (separator.empty()) return wrong("splitList: the separator is empty");
  Json out = Json::array();
  std::size_t at = 0;
  for (std::size_t hit = s.find(separator); hit != std::string::npos; hit = s.find(separator, at)) {
    out.push_back(s.substr(at, hit - at));
    at = hit + separator.size();
  }
  out.push_back(s.substr(at));
  return out;
}

Result<Json> join(const Arguments& a) {
  SIGNET_TRY(const std::string separator, text(a[0]));
  SIGNET_TRY(const Json items, list(a[1]));
  std::string out;
  for (const Json& item : items) {
    SIGNET_TRY(const std::string s, print_value(item));
    if (&item != &items.front()) out += separator;
    out += s;
    if (out.size() > kMaxValueBytes) return wrong("a value is too large");
  }
  return Json(std::move(out));
}

Result<Json> index(const Arguments& a) {
  Json at = a[0];
  for (std::size_t n = 1; n < a.size(); ++n) {
    if (at.is_array()) {
      SIGNET_TRY(const std::int64_t i, number(a[n]));
      if (i < 0 || static_cast<std::size_t>(i) >= at.size()) return wrong("index out of range");
      at = Json(at[static_cast<std::size_t>(i)]);
    } else if (at.is_object()) {
      SIGNET_TRY(const std::string key, text(a[n]));
      const auto found = at.find(key);
      if (found == at.end()) return wrong("map has no entry for key");
      at = Json(*found);
    } else {
      return wrong("index of what is neither a list nor a map");
    }
  }
  return at;
}

Result<Json> printf_(const Arguments& a) {
  SIGNET_TRY(const std::string format, text(a[0]));
  std::string out;
  std::size_t next = 1;
  for (std::size_t n = 0; n < format.size(); ++n) {
    if (format[n] != '%') {
      out += format[n];
      continue;
    }
    if (++n == format.size()) return wrong("printf: the format ends with %");
    if (format[n] == '%') {
      out += '%';
      continue;
    }
    if (next == a.size()) return wrong("printf: an argument is missing");
    const Json& value = a[next++];
    const bool fits = format[n] == 'v' || (format[n] == 's' && value.is_string()) ||
                      (format[n] == 'd' && value.is_number_integer());
    if (!fits) return wrong("printf: only %s, %d and %v, with arguments of that kind");
    SIGNET_TRY(const std::string s, print_value(value));
    out += s;
    if (out.size() > kMaxValueBytes) return wrong("a value is too large");
  }
  if (next != a.size()) return wrong("printf: more arguments than the format takes");
  return Json(std::move(out));
}

Result<Json> end_of(const Arguments& a, bool first) {
  SIGNET_TRY(const Json items, list(a[0]));
  if (items.empty()) return wrong("the list is empty");
  return first ? items.front() : items.back();
}

Result<Json> trim_end(const Arguments& a, bool prefix) {
  SIGNET_TRY(const std::string part, text(a[0]));
  SIGNET_TRY(std::string s, text(a[1]));
  if (prefix ? s.starts_with(part) : s.ends_with(part)) {
    s.erase(prefix ? 0 : s.size() - part.size(), part.size());
  }
  return Json(std::move(s));
}

// Of two strings, two numbers or two booleans.
Result<bool> equal(const Json& a, const Json& b) {
  const bool comparable = (a.is_string() && b.is_string()) || (a.is_boolean() && b.is_boolean()) ||
                          (a.is_number_integer() && b.is_number_integer());
  if (!comparable) return wrong("these values cannot be compared");
  return a == b;
}

Result<Json> equals_any(const Arguments& a) {
  for (std::size_t n = 1; n < a.size(); ++n) {
    SIGNET_TRY(const bool same, equal(a[0], a[n]));
    if (same) return Json(true);
  }
  return Json(false);
}

template <typename Test>
Result<Json> test_texts(const Arguments& a, Test&& test) {
  SIGNET_TRY(const std::string part, text(a[0]));
  SIGNET_TRY(const std::string s, text(a[1]));
  return Json(static_cast<bool>(test(s, part)));
}

Result<Json> hash_hex(const Arguments& a, crypto::Hash hash) {
  SIGNET_TRY(const std::string s, text(a[0]));
  return Json(crypto::hex_encode(crypto::digest(hash, crypto::as_bytes(s))));
}

constexpr std::size_t kAny = 16;
constexpr std::string_view kSpace = " \t\n\v\f\r";

constexpr std::array kFunctions = {
    PathFunctionInfo{"and", 1, kAny,
                     [](const Arguments& a) -> Result<Json> {
                       const auto it = std::find_if(a.begin(), a.end(),
                                                    [](const Json& v) { return !is_true(v); });
                       return it == a.end() ? a.back() : *it;
                     }},
    PathFunctionInfo{"coalesce", 1, kAny,
                     [](const Arguments& a) -> Result<Json> {
                       const auto it = std::find_if(a.begin(), a.end(), is_true);
                       return it == a.end() ? Json() : *it;
                     }},
    PathFunctionInfo{"contains", 2, 2,
                     [](const Arguments& a) {
                       return test_texts(a, [](const std::string& s, const std::string& part) {
                         return s.find(part) != std::string::npos;
                       });
                     }},
    PathFunctionInfo{
        "default", 2, 2,
        [](const Arguments& a) -> Result<Json> { return is_true(a[1]) ? a[1] : a[0]; }},
    PathFunctionInfo{"empty", 1, 1,
                     [](const Arguments& a) -> Result<Json> { return Json(!is_true(a[0])); }},
    PathFunctionInfo{"eq", 2, kAny, &equals_any},
    PathFunctionInfo{"first", 1, 1, [](const Arguments& a) { return end_of(a, true); }},
    PathFunctionInfo{"hasPrefix", 2, 2,
                     [](const Arguments& a) {
                       return test_texts(a, [](const std::string& s, const std::string& part) {
                         return s.starts_with(part);
                       });
                     }},
    PathFunctionInfo{"hasSuffix", 2, 2,
                     [](const Arguments& a) {
                       return test_texts(a, [](const std::string& s, const std::string& part) {
                         return s.ends_with(part);
                       });
                     }},
    PathFunctionInfo{"index", 2, kAny, &index},
    PathFunctionInfo{"join", 2, 2, &join},
    PathFunctionInfo{"last", 1, 1, [](const Arguments& a) { return end_of(a, false); }},
    PathFunctionInfo{"len", 1, 1,
                     [](const Arguments& a) -> Result<Json> {
                       if (a[0].is_string()) {
                         return Json(a[0].get_ref<const std::string&>().size());
                       }
                       if (!a[0].is_structured()) return wrong("len of what has no length");
                       return Json(a[0].size());
                     }},
    PathFunctionInfo{"lower", 1, 1, [](const Arguments& a) { return each_char(a, lower); }},
    PathFunctionInfo{"ne", 2, 2,
                     [](const Arguments& a) -> Result<Json> {
                       SIGNET_TRY(const bool same, equal(a[0], a[1]));
                       return Json(!same);
                     }},
    PathFunctionInfo{"nospace", 1, 1,
                     [](const Arguments& a) -> Result<Json> {
                       SIGNET_TRY(std::string s, ascii(a[0]));
                       std::erase_if(s, [](char c) { return kSpace.find(c) != kSpace.npos; });
                       return Json(std::move(s));
                     }},
    PathFunctionInfo{"not", 1, 1,
                     [](const Arguments& a) -> Result<Json> { return Json(!is_true(a[0])); }},
    PathFunctionInfo{"or", 1, kAny,
                     [](const Arguments& a) -> Result<Json> {
                       const auto it = std::find_if(a.begin(), a.end(), is_true);
                       return it == a.end() ? a.back() : *it;
                     }},
    PathFunctionInfo{"printf", 1, kAny, &printf_},
    PathFunctionInfo{"replace", 3, 3, &replace},
    PathFunctionInfo{"sha1sum", 1, 1,
                     [](const Arguments& a) { return hash_hex(a, crypto::Hash::kSha1); }},
    PathFunctionInfo{"sha256sum", 1, 1,
                     [](const Arguments& a) { return hash_hex(a, crypto::Hash::kSha256); }},
    PathFunctionInfo{"splitList", 2, 2, &split_list},
    PathFunctionInfo{"substr", 3, 3, &substr},
    PathFunctionInfo{"ternary", 3, 3,
                     [](const Arguments& a) -> Result<Json> {
                       if (!a[2].is_boolean()) return wrong("a boolean is expected");
                       return is_true(a[2]) ? a[0] : a[1];
                     }},
    PathFunctionInfo{"toString", 1, 1,
                     [](const Arguments& a) -> Result<Json> {
                       SIGNET_TRY(std::string s, print_value(a[0]));
                       return Json(std::move(s));
                     }},
    PathFunctionInfo{"trim", 1, 1,
                     [](const Arguments& a) -> Result<Json> {
                       SIGNET_TRY(const std::string s, ascii(a[0]));
                       return Json(trimmed(s, kSpace));
                     }},
    PathFunctionInfo{"trimAll", 2, 2,
                     [](const Arguments& a) -> Result<Json> {
                       SIGNET_TRY(const std::string cut, ascii(a[0]));
                       SIGNET_TRY(const std::string s, text(a[1]));
                       return Json(trimmed(s, cut));
                     }},
    PathFunctionInfo{"trimPrefix", 2, 2, [](const Arguments& a) { return trim_end(a, true); }},
    PathFunctionInfo{"trimSuffix", 2, 2, [](const Arguments& a) { return trim_end(a, false); }},
    PathFunctionInfo{"trunc", 2, 2, &trunc},
    PathFunctionInfo{"upper", 1, 1, [](const Arguments& a) { return each_char(a, upper); }},
};

}  // namespace

const PathFunctionInfo* find_path_function(std::string_view name) {
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const PathFunctionInfo& f) { return f.name == name; });
  return found == kFunctions.end() ? nullptr : &*found;
}

bool is_true(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return value.is_structured() && !value.empty();
}

Result<std::string> print_value(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return std::string(value.get<bool>() ? "true" : "false");
  if (value.is_number_integer()) return value.dump();
  return wrong("a list, a map or nothing cannot be written into a path");
}

}  // namespace signet::x509pop
