// explain: why the workload of an entry gets no identity.
#include "signet/explain/v1/explain.pb.h"

#include "cli/admin_command.h"
#include "explain/text.h"

namespace signet::server::cli {
namespace {

namespace api = ::signet::explain::v1;

class Explain final : public AdminCommand {
 public:
  explicit Explain(bool& identity) : identity_(identity) {}
  const char* name() const override { return "explain"; }
  void declare(FlagSet& flags) override {
    flags.text("entryID", &entry_id_, "the entry that the workload is to be given");
    flags.text("spiffeID", &spiffe_id_, "the SPIFFE ID that the workload is to be given");
    flags.texts(
        "selector", &selectors_,
        "a type:value that the workload has; repeatable. Alone: the entries that come near");
    flags.text("agentID", &agent_id_, "the SPIFFE ID of the agent on the workload's node");
  }

  Status run(Admin& admin) override {
    api::ExplainEntryRequest request;
    if (entry_id_.empty() && spiffe_id_.empty() && selectors_.empty())
      return Status::invalid_argument("one of -entryID, -spiffeID and -selector is needed");
    if (!entry_id_.empty() && !spiffe_id_.empty())
      return Status::invalid_argument("-entryID and -spiffeID exclude each other");
    for (const auto* id : {&spiffe_id_, &agent_id_}) {
      if (!id->empty()) SIGNET_RETURN_IF_ERROR(parse_id(*id).status());
    }
    request.set_entry_id(entry_id_);
    request.set_spiffe_id(spiffe_id_);
    request.set_agent_id(agent_id_);
    for (const std::string& text : selectors_) {
      SIGNET_TRY(*request.add_selectors(), parse_selector(text));
    }
    SIGNET_TRY(const auto answer, admin.client.call<api::Explanation>(
                                      "/signet.explain.v1.ServerExplain/ExplainEntry", request));
    identity_ = answer.identity();
    return admin.output.print(admin.io, answer, [&] {
      admin.io.out(explain::text_of(answer));
      return Status();
    });
  }

 private:
  bool& identity_;
  std::string entry_id_, spiffe_id_, agent_id_;
  std::vector<std::string> selectors_;
};

}  // namespace

// 0: an identity would be given; 1: none, or the command failed.
int explain_entry(Context& context, const Args& args) {
  bool identity = false;
  Explain command(identity);
  const int code = run_admin_command(context, args, command);
  return code == 0 && !identity ? 1 : code;
}

}  // namespace signet::server::cli
