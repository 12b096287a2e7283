#include "cli/admin_command.h"

#include "signet/spiffe_id.h"

#include "cli/socket_path.h"
#include "spire/api/types/federateswith.pb.h"

namespace signet::server::cli {
namespace {

using signet::cli::SocketPath;

constexpr const char* kDefaultSocket = "/tmp/spire-server/private/api.sock";

static_assert(int{types::SelectorMatch::MATCH_EXACT} ==
              int{types::FederatesWithMatch::MATCH_EXACT});
static_assert(int{types::SelectorMatch::MATCH_SUBSET} ==
              int{types::FederatesWithMatch::MATCH_SUBSET});
static_assert(int{types::SelectorMatch::MATCH_SUPERSET} ==
              int{types::FederatesWithMatch::MATCH_SUPERSET});
static_assert(int{types::SelectorMatch::MATCH_ANY} == int{types::FederatesWithMatch::MATCH_ANY});

Status check(const SocketPath& socket) {
  const std::string variable = socket.template_variable();
  switch (socket.problem()) {
    case SocketPath::Problem::kNoTemplate:
      return Status::invalid_argument("you must define " + variable + " to use the instance flag");
    case SocketPath::Problem::kNoPlaceholder:
      return Status::invalid_argument("failed to find %i in " + variable);
    case SocketPath::Problem::kNone:
      break;
  }
  return {};
}

Status run_connected(Context& context, AdminCommand& command, const SocketPath& socket,
                     const Output& output) {
  SIGNET_RETURN_IF_ERROR(check(socket));
  SIGNET_TRY(const Client client, Client::open(context, socket.resolve(), "//"));
  Admin admin{context.io, client, output};
  SIGNET_RETURN_IF_ERROR(command.run(admin));
  if (context.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
  return {};
}

}  // namespace

int run_admin_command(Context& context, const Args& args, AdminCommand& command) {
  FlagSet flags(command.name());
  SocketPath socket(kDefaultSocket, "SPIRE_SERVER_PRIVATE_SOCKET");
  socket.declare(flags, "path of the server's admin socket");
  Output output;
  if (command.has_output_flag()) output.declare(flags);
  command.declare(flags);
  if (flags.parse(args, context.io) != FlagSet::Outcome::kGo) return 1;
  const Status status = run_connected(context, command, socket, output);
  if (status.ok()) return 0;
  context.io.err("Error: " + status.message() + "\n");
  return 1;
}

Result<types::SPIFFEID> parse_id(const std::string& text) {
  SIGNET_TRY(const SpiffeId id, SpiffeId::parse(text));
  types::SPIFFEID message;
  message.set_trust_domain(std::string(id.trust_domain_name()));
  message.set_path(std::string(id.path()));
  return message;
}

std::string id_text(const types::SPIFFEID& id) {
  return "spiffe://" + id.trust_domain() + id.path();
}

Result<types::Selector> parse_selector(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return Status::invalid_argument("selector \"" + text + "\" must be formatted as type:value");
  }
  types::Selector selector;
  selector.set_type(text.substr(0, colon));
  selector.set_value(text.substr(colon + 1));
  return selector;
}

std::optional<int> parse_match(const std::string& word) {
  if (word == "exact") return types::SelectorMatch::MATCH_EXACT;
  if (word == "any") return types::SelectorMatch::MATCH_ANY;
  if (word == "superset") return types::SelectorMatch::MATCH_SUPERSET;
  if (word == "subset") return types::SelectorMatch::MATCH_SUBSET;
  return std::nullopt;
}

}  // namespace signet::server::cli
