// A role's commands as one table, and the way from the words of a command line to a row of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "signet/plugin.h"

#include "cli/interrupt.h"
#include "cli/io.h"

namespace signet::cli {

// What a command may use while it runs.
struct Context {
  const Host& host;
  const Call& call;
  Interrupt& interrupt;
  Io& io;
};

using Args = std::vector<std::string>;

struct Row {
  std::string_view words;                  // "entry create"
  std::string_view synopsis;               // one line for the lists of commands
  int (*run)(Context&, const Args& args);  // the exit code; with "-h" it prints its usage
  bool answers_interrupt = false;          // its exit code stands after Ctrl-C too
};

inline constexpr int kUnknownCommand = 127;

/// Finds the row with the longest words at the front of `args` and runs it with the rest.
///   -h, -help, --help anywhere    the usage text; 0
///   -v, -version, --version       before a command: the version; 0
///   no or an unknown command      the commands there are; 127
///   a group without its command   the group's commands; 1
///   a flag before the command     1
/// Texts go to standard error, as the peer's do.
/// Errors   kCancelled: Ctrl-C made the command fail
Result<int> dispatch(std::string_view program, std::span<const Row> table, Context& context,
                     const Args& args);

/// A role's whole command line, for Role::run_command: argv[0] is the word that chose the role,
/// either the role's name ("signet server ...") or the program's ("spire-server ...").
Result<int> run_command_line(std::string_view role, std::span<const Row> table, const Host& host,
                             const Call& call, const Args& argv, const int fds[3]);

}  // namespace signet::cli
