#include "cli/table.h"

#include <algorithm>
#include <map>

namespace signet::cli {
namespace {

bool is_help(std::string_view word) { return word == "-h" || word == "-help" || word == "--help"; }
bool is_version(std::string_view word) {
  return word == "-v" || word == "-version" || word == "--version";
}

// What the words of a command line say, apart from the command's own flags.
struct Request {
  bool help = false;
  bool version = false;
  bool flag_before = false;
  std::string command;  // the longest words that name a row or a group; else the first word
  Args args;
};

bool is_group(std::span<const Row> table, const std::string& words) {
  return std::any_of(table.begin(), table.end(), [&](const Row& row) {
    return row.words.starts_with(words) && row.words.size() > words.size() &&
           row.words[words.size()] == ' ';
  });
}

const Row* find(std::span<const Row> table, std::string_view words) {
  const auto at =
      std::find_if(table.begin(), table.end(), [&](const Row& row) { return row.words == words; });
  return at == table.end() ? nullptr : &*at;
}

Request read(std::span<const Row> table, const Args& args) {
  Request request;
  std::size_t i = 0;
  for (; i < args.size() && args[i] != "--"; ++i) {
    const std::string& word = args[i];
    if (is_help(word)) {
      request.help = true;
    } else if (!request.command.empty()) {
      continue;
    } else if (is_version(word)) {
      request.version = true;
    } else if (!word.empty() && word[0] == '-') {
      request.flag_before = true;
    } else if (!word.empty()) {
      request.command = word;
      std::string longer = word;
      for (std::size_t next = i + 1; next < args.size(); ++next) {
        longer += " " + args[next];
        if (find(table, longer) == nullptr && !is_group(table, longer)) break;
        request.command = longer;
        i = next;
      }
      request.args.assign(args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
    }
  }
  return request;
}

// The next words below `prefix` ("" or "entry"), each with its synopsis.
std::string list_commands(std::span<const Row> table, const std::string& prefix) {
  std::map<std::string, std::string> lines;
  std::size_t width = 0;
  for (const Row& row : table) {
    std::string_view words = row.words;
    if (!prefix.empty()) {
      if (!words.starts_with(prefix + " ")) continue;
      words.remove_prefix(prefix.size() + 1);
    }
    const std::string first(words.substr(0, words.find(' ')));
    std::string& synopsis = lines[first];
    if (first == words) {
      synopsis = row.synopsis;
    } else if (synopsis.empty()) {
      synopsis = "(a group of commands)";
    }
    width = std::max(width, first.size());
  }
  std::string text;
  for (const auto& [word, synopsis] : lines) {
    text.append("    ").append(word).append(width - word.size() + 4, ' ');
    text.append(synopsis).append("\n");
  }
  return text;
}

std::string top_help(std::string_view program, std::span<const Row> table) {
  return "Usage: " + std::string(program) +
         " [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n" +
         list_commands(table, "") + "\n";
}

void show_help(std::span<const Row> table, Context& context, const std::string& command) {
  if (const Row* row = find(table, command)) row->run(context, {"-h"});
  const std::string below = list_commands(table, command);
  if (!below.empty()) context.io.err("\nCommands of " + command + ":\n" + below);
}

}  // namespace

Result<int> dispatch(std::string_view program, std::span<const Row> table, Context& context,
                     const Args& args) {
  const Request request = read(table, args);
  if (request.version) {
    context.io.err(SIGNET_VERSION "\n");
    return 0;
  }
  const Row* row = find(table, request.command);
  const bool known =
      row != nullptr || (!request.command.empty() && is_group(table, request.command));
  if (!known) {
    context.io.err(top_help(program, table));
    return request.help && request.command.empty() ? 0 : kUnknownCommand;
  }
  if (request.help) {
    show_help(table, context, request.command);
    return 0;
  }
  if (request.flag_before) {
    context.io.err("Flags come after the command they belong to, not before it.\n\n");
    show_help(table, context, request.command);
    return 1;
  }
  if (row == nullptr) {
    show_help(table, context, request.command);
    return 1;
  }
  const int code = row->run(context, request.args);
  if (code != 0 && !row->answers_interrupt && context.interrupt.come()) {
    return Status::cancelled("ended by a signal");
  }
  return code;
}

Result<int> run_command_line(std::string_view role, std::span<const Row> table, const Host& host,
                             const Call& call, const Args& argv, const int fds[3]) {
  Interrupt interrupt(call);
  Io io(fds, &interrupt);
  Context context{host, call, interrupt, io};
  const bool by_program = !argv.empty() && argv[0] != role;
  const std::string program = by_program ? argv[0] : "signet " + std::string(role);
  return dispatch(program, table, context, Args(argv.begin() + (argv.empty() ? 0 : 1), argv.end()));
}

}  // namespace signet::cli
