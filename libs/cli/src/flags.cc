#include "cli/flags.h"

#include <algorithm>

#include "signet/duration.h"

#include "cli/go_text.h"

namespace signet::cli {
namespace {

Result<bool> parse_bool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return Status::invalid_argument("parse error");
}

}  // namespace

void FlagSet::text(const char* name, std::string* out, const char* help) {
  add({name, "string", help, out->empty() ? "" : go_quote(*out), [out](std::string_view value) {
         *out = value;
         return Status();
       }});
}

void FlagSet::integer(const char* name, std::int64_t* out, const char* help) {
  add({name, "int", help, *out == 0 ? "" : std::to_string(*out),
       [out](std::string_view value) -> Status {
         SIGNET_TRY(*out, go_parse_int(value));
         return {};
       }});
}

void FlagSet::boolean(const char* name, bool* out, const char* help) {
  add({name, "", help, *out ? "true" : "",
       [out](std::string_view value) -> Status {
         SIGNET_TRY(*out, parse_bool(value));
         return {};
       },
       true});
}

void FlagSet::presence(const char* name, bool* out, const char* help) {
  add({name, "", help, "",
       [out](std::string_view) {
         *out = true;
         return Status();
       },
       true});
}

void FlagSet::duration(const char* name, std::chrono::nanoseconds* out, const char* help) {
  add({name, "duration", help, out->count() == 0 ? "" : format_go_duration(*out),
       [out](std::string_view value) -> Status {
         const auto parsed = parse_go_duration(value);
         if (!parsed) return Status::invalid_argument("parse error");
         *out = *parsed;
         return {};
       }});
}

void FlagSet::texts(const char* name, std::vector<std::string>* out, const char* help) {
  add({name, "value", help, "", [out](std::string_view value) {
         out->emplace_back(value);
         return Status();
       }});
}

void FlagSet::tristate(const char* name, Tristate* out, const char* help) {
  add({name, "value", help, "", [out](std::string_view value) {
         *out = value == "true"    ? Tristate::kTrue
                : value == "false" ? Tristate::kFalse
                                   : Tristate::kAll;
         return Status();
       }});
}

void FlagSet::custom(const char* name, Setter set, const char* help, const char* kind,
                     std::string shown_default) {
  add({name, kind, help, std::move(shown_default), std::move(set)});
}

const FlagSet::Flag* FlagSet::find(std::string_view name) const {
  const auto at = std::find_if(flags_.begin(), flags_.end(),
                               [&](const Flag& flag) { return flag.name == name; });
  return at == flags_.end() ? nullptr : &*at;
}

FlagSet::Outcome FlagSet::fail(std::string message, const Io& io) {
  error_ = std::move(message);
  io.err(error_ + "\n" + usage());
  return Outcome::kBad;
}

FlagSet::Outcome FlagSet::parse(const std::vector<std::string>& args, const Io& io) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word.size() < 2 || word[0] != '-' || word == "--") {
      rest_.assign(args.begin() + static_cast<std::ptrdiff_t>(i + (word == "--")), args.end());
      return Outcome::kGo;
    }
    std::string_view name = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    if (name[0] == '-' || name[0] == '=') return fail("bad flag syntax: " + word, io);
    const std::size_t equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    std::string_view value = has_value ? name.substr(equals + 1) : std::string_view();
    name = name.substr(0, equals);
    const std::string shown(name);

    const Flag* flag = find(name);
    if (flag == nullptr) {
      if (name == "h" || name == "help") {
        error_ = "flag: help requested";
        io.err(usage());
        return Outcome::kHelp;
      }
      return fail("flag provided but not defined: -" + shown, io);
    }
    if (flag->is_boolean) {
      if (!has_value) value = "true";
      if (const Status s = flag->set(value); !s.ok()) {
        return fail(
            "invalid boolean value " + go_quote(value) + " for -" + shown + ": " + s.message(), io);
      }
      continue;
    }
    if (!has_value) {
      if (i + 1 == args.size()) return fail("flag needs an argument: -" + shown, io);
      value = args[++i];
    }
    if (const Status s = flag->set(value); !s.ok()) {
      return fail("invalid value " + go_quote(value) + " for flag -" + shown + ": " + s.message(),
                  io);
    }
  }
  return Outcome::kGo;
}

std::string FlagSet::usage() const {
  std::vector<const Flag*> sorted;
  for (const Flag& flag : flags_) sorted.push_back(&flag);
  std::sort(sorted.begin(), sorted.end(),
            [](const Flag* a, const Flag* b) { return a->name < b->name; });
  std::string text = "Usage of " + name_ + ":\n";
  for (const Flag* flag : sorted) {
    text +=
        "  -" + flag->name + (flag->kind.empty() ? "" : " " + flag->kind) + "\n    \t" + flag->help;
    if (!flag->shown_default.empty()) text += " (default " + flag->shown_default + ")";
    text += "\n";
  }
  return text;
}

}  // namespace signet::cli
