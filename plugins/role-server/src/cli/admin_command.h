// What the commands that call a server's admin socket have in common: the socket's flags, -output,
// the connection, and how an error ends the command.
#pragma once

#include <optional>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "spire/api/types/selector.pb.h"
#include "spire/api/types/spiffeid.pb.h"

namespace signet::server::cli {

using signet::cli::Client;
using signet::cli::FlagSet;
using signet::cli::Io;
using signet::cli::Output;

namespace types = ::spire::api::types;

struct Admin {
  Io& io;
  const Client& client;
  const Output& output;
};

class AdminCommand {
 public:
  virtual ~AdminCommand() = default;
  virtual const char* name() const = 0;  // in the usage text
  virtual void declare(FlagSet& flags) = 0;
  virtual Status run(Admin& admin) = 0;
  virtual bool has_output_flag() const { return true; }
};

/// Reads the flags and runs the command. An error is printed as "Error: <message>" and gives 1.
int run_admin_command(Context& context, const Args& args, AdminCommand& command);
template <typename T>
int run_admin(Context& context, const Args& args) {
  T command;
  return run_admin_command(context, args, command);
}

/// Errors   kInvalidArgument: what is wrong with a SPIFFE ID
Result<types::SPIFFEID> parse_id(const std::string& text);
std::string id_text(const types::SPIFFEID& id);
/// "type:value" cut at the first colon; what type and value may be is the server's to judge.
Result<types::Selector> parse_selector(const std::string& text);
/// "exact", "any", "superset" or "subset" as the filter's number; nothing for another word.
/// Both SelectorMatch and FederatesWithMatch number them alike.
std::optional<int> parse_match(const std::string& word);

}  // namespace signet::server::cli
