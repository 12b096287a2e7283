// AdminCommand: a command that calls the agent's admin socket.
#pragma once

#include <string>
#include <utility>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/output.h"

namespace signet::agent::cli {

inline constexpr const char* kAdminSocket = "/tmp/spire-agent/private/admin.sock";

class AdminCommand {
 public:
  AdminCommand(Context& context, const char* name) : context_(context), flags_(name) {
    flags_.text("socketPath", &socket_, "path of the agent's admin socket");
    output_.declare(flags_);
  }
  signet::cli::FlagSet& flags() { return flags_; }
  const std::string& socket() const { return socket_; }

  /// Reads the flags and runs fn(client). An error is printed as "Error: <message>" and gives 1.
  template <typename Fn>
  int run(const Args& args, Fn&& fn) {
    if (flags_.parse(args, context_.io) != signet::cli::FlagSet::Outcome::kGo) return 1;
    if (socket_.empty()) socket_ = kAdminSocket;
    const Status status = connected(std::forward<Fn>(fn));
    if (status.ok()) return 0;
    context_.io.err("Error: " + status.message() + "\n");
    return 1;
  }
  /// text   what is printed unless -output says json
  Status print(const google::protobuf::Message& message, const Result<std::string>& text) const {
    return output_.print(context_.io, message, [&]() -> Status {
      SIGNET_RETURN_IF_ERROR(text.status());
      context_.io.out(*text);
      return {};
    });
  }

 private:
  template <typename Fn>
  Status connected(Fn&& fn) {
    SIGNET_TRY(const signet::cli::Client client, signet::cli::Client::open(context_, socket_));
    SIGNET_RETURN_IF_ERROR(fn(client));
    if (context_.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
    return {};
  }

  Context& context_;
  signet::cli::FlagSet flags_;
  std::string socket_ = kAdminSocket;
  signet::cli::Output output_;
};

}  // namespace signet::agent::cli
