// agent show, agent ban and agent evict: what is done to one agent by its SPIFFE ID.
#include <google/protobuf/empty.pb.h>

#include "cli/admin_command.h"
#include "cli/print_agent.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::agent::v1;
const std::string kService = "/spire.api.server.agent.v1.Agent/";

class OneAgentCommand : public AdminCommand {
 public:
  void declare(FlagSet& flags) final {
    flags.text("spiffeID", &spiffe_id_, "SPIFFE ID of the agent");
  }
  Status run(Admin& admin) final {
    if (spiffe_id_.empty()) return Status::invalid_argument("a SPIFFE ID is required");
    SIGNET_TRY(const types::SPIFFEID id, parse_id(spiffe_id_));
    return run_on(admin, id);
  }

 private:
  virtual Status run_on(Admin& admin, const types::SPIFFEID& id) = 0;
  std::string spiffe_id_;
};

class ShowAgent final : public OneAgentCommand {
 public:
  const char* name() const override { return "agent show"; }

 private:
  Status run_on(Admin& admin, const types::SPIFFEID& id) override {
    v1::GetAgentRequest request;
    *request.mutable_id() = id;
    SIGNET_TRY(const auto agent, admin.client.call<types::Agent>(kService + "GetAgent", request));
    return admin.output.print(admin.io, agent, [&]() -> Status {
      admin.io.out("Found an attested agent given its SPIFFE ID\n\n");
      SIGNET_TRY(const std::string text, agent_text(agent));
      admin.io.out(text);
      for (const auto& selector : agent.selectors()) {
        admin.io.out("Selectors         : " + selector.type() + ":" + selector.value() + "\n");
      }
      return {};
    });
  }
};

template <typename Request>
Status call_and_say(Admin& admin, const char* method, const types::SPIFFEID& id,
                    const char* sentence) {
  Request request;
  *request.mutable_id() = id;
  SIGNET_TRY(const auto answer,
             admin.client.call<::google::protobuf::Empty>(kService + method, request));
  return admin.output.print(admin.io, answer, [&] {
    admin.io.out(sentence);
    return Status();
  });
}

class BanAgent final : public OneAgentCommand {
 public:
  const char* name() const override { return "agent ban"; }

 private:
  Status run_on(Admin& admin, const types::SPIFFEID& id) override {
    return call_and_say<v1::BanAgentRequest>(admin, "BanAgent", id, "Agent banned successfully\n");
  }
};

class EvictAgent final : public OneAgentCommand {
 public:
  const char* name() const override { return "agent evict"; }

 private:
  Status run_on(Admin& admin, const types::SPIFFEID& id) override {
    return call_and_say<v1::DeleteAgentRequest>(admin, "DeleteAgent", id,
                                                "Agent evicted successfully\n");
  }
};

}  // namespace

int show_agent(Context& context, const Args& args) { return run_admin<ShowAgent>(context, args); }
int ban_agent(Context& context, const Args& args) { return run_admin<BanAgent>(context, args); }
int evict_agent(Context& context, const Args& args) { return run_admin<EvictAgent>(context, args); }

}  // namespace signet::server::cli
