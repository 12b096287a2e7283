// api watch: prints every answer of the X509-SVID stream until Ctrl-C.
#include "cli/agent_socket.h"
#include "cli/workload_command.h"
#include "cli/x509_answer.h"

namespace signet::agent::cli {
namespace {

// Domains by name, without the scheme; the hint is not part of this text.
void adapt(X509Answer& answer) {
  std::map<std::string, std::vector<x509::Certificate>> by_name;
  for (auto& [domain, bundle] : answer.federated) {
    const auto name = TrustDomain::parse_name_or_id(domain);
    by_name.emplace(name ? name->name() : domain, std::move(bundle));
  }
  answer.federated = std::move(by_name);
  for (X509Identity& identity : answer.identities) identity.hint.clear();
}

class Watch {
 public:
  Watch(Context& context, const Client& client) : context_(context), client_(client) {}

  /// Why it ended; never ok.
  Status run() {
    for (std::chrono::seconds delay{1};;
         delay = std::min(delay + std::chrono::seconds(1), std::chrono::seconds(30))) {
      bool received = false;
      Status status = follow(received);
      if (context_.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
      context_.io.err(status.message() + "\n");
      if (status.code() == Code::kCancelled || status.code() == Code::kInvalidArgument)
        return status;
      if (received) delay = std::chrono::seconds(1);
      if (context_.interrupt.wait(delay)) return Status::cancelled("context canceled");
    }
  }

 private:
  Status follow(bool& received) {
    auto stream = client_.connection().open(kFetchX509Svid, ::X509SVIDRequest(), INT64_MAX,
                                            workload_headers());
    if (!stream) return client_.error(stream.status());
    const signet::cli::Interrupt::Cancels cancels(context_.interrupt, **stream);
    (*stream)->half_close();
    return read_all(**stream, received);
  }

  Status read_all(ClientCall& stream, bool& received) {
    for (;;) {
      auto message = stream.read<::X509SVIDResponse>();
      if (!message) return client_.error(message.status());
      if (!*message) return Status(Code::kUnknown, "EOF");
      received = true;
      const auto now = std::chrono::steady_clock::now();
      auto answer = read_x509_answer(**message);
      if (answer) {
        adapt(*answer);
        context_.io.out(x509_answer_text(*answer, now - last_));
        last_ = now;
      } else {
        context_.io.err(answer.status().message() + "\n");
      }
      if (context_.io.failed()) return Status(Code::kUnknown, "");
    }
  }

  Context& context_;
  const Client& client_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

int watch(Context& context, const Args& args) {
  FlagSet flags("watch");
  AgentSocket socket;
  socket.declare(flags);
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  const Status status = [&]() -> Status {
    if (outcome == FlagSet::Outcome::kBad) return Status::invalid_argument(flags.error());
    SIGNET_TRY(std::string path, socket.resolve());
    SIGNET_TRY(const Client client, Client::open(context, std::move(path)));
    return Watch(context, client).run();
  }();
  context.io.err(status.message() + "\n");
  return 1;
}

}  // namespace signet::agent::cli
