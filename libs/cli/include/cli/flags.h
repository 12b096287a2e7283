// FlagSet: the flags of one command, read by the rules of Go's flag package, since scripts that
// drive SPIRE's commands rely on them.
//
//   -x v   --x v   -x=v   --x=v      one dash or two; a value in the next word or after '='
//   -b   -b=false                    a boolean never takes the next word
//   first word that is no flag, or "--": the flags end there
//
//   FlagSet flags("token generate");
//   std::int64_t ttl = 600;
//   flags.integer("ttl", &ttl, "how long the token is good for, in seconds");
//   if (flags.parse(args, io) != FlagSet::Outcome::kGo) return 1;
//
// A variable's value when its flag is declared is the default that the usage text shows. The
// variables must outlive parse().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

#include "cli/io.h"

namespace signet::cli {

// Set by "true", cleared by "false", back to "all" by any other word.
enum class Tristate { kAll, kFalse, kTrue };

class FlagSet {
 public:
  using Setter = std::function<Status(std::string_view)>;
  enum class Outcome { kGo, kHelp, kBad };

  /// name: as the usage text calls the command, "entry create".
  explicit FlagSet(std::string name) : name_(std::move(name)) {}

  void text(const char* name, std::string* out, const char* help);
  void integer(const char* name, std::int64_t* out, const char* help);
  void boolean(const char* name, bool* out, const char* help);
  /// On whenever it is given, even as -name=false.
  void presence(const char* name, bool* out, const char* help);
  void duration(const char* name, std::chrono::nanoseconds* out, const char* help);
  void texts(const char* name, std::vector<std::string>* out, const char* help);  // repeatable
  void tristate(const char* name, Tristate* out, const char* help);
  /// kind: what the usage text calls the value, "value". shown_default: "" leaves it out.
  void custom(const char* name, Setter set, const char* help, const char* kind = "value",
              std::string shown_default = {});

  /// Reads the flags. kHelp: -h or -help was met and the usage text printed. kBad: error() was
  /// printed, then the usage text; all to standard error.
  Outcome parse(const std::vector<std::string>& args, const Io& io);
  const std::string& error() const { return error_; }
  /// The words after the flags. SPIRE's commands do not look at them.
  const std::vector<std::string>& rest() const { return rest_; }

  std::string usage() const;

 private:
  struct Flag {
    std::string name;
    std::string kind;  // "" for a boolean
    std::string help;
    std::string shown_default;
    Setter set;
    bool is_boolean = false;
  };
  void add(Flag flag) { flags_.push_back(std::move(flag)); }
  const Flag* find(std::string_view name) const;
  Outcome fail(std::string message, const Io& io);

  std::string name_;
  std::vector<Flag> flags_;
  std::string error_;
  std::vector<std::string> rest_;
};

}  // namespace signet::cli
