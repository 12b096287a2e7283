#include <google/protobuf/empty.pb.h>

#include "signet/spiffe_id.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "x509/strict_json.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::agent::v1;
const std::string kService = "/spire.api.server.agent.v1.Agent/";
constexpr int kPageSize = 1000;

struct Expired {
  types::SPIFFEID id;
  bool deleted = false;
  std::string error;
};

class PurgeAgents final : public AdminCommand {
 public:
  const char* name() const override { return "agent purge"; }
  void declare(FlagSet& flags) override {
    flags.duration("expiredFor", &expired_for_,
                   "how long an agent's SVID must be over for the agent to be forgotten");
    flags.boolean("dryRun", &dry_run_, "print what would be forgotten, change nothing");
  }

  Status run(Admin& admin) override {
    SIGNET_TRY(std::vector<Expired> expired, find_expired(admin));
    if (!dry_run_) purge(admin, expired);
    if (admin.output.json()) {
      print_json(admin.io, expired);
    } else {
      print_pretty(admin.io, expired);
    }
    return {};
  }

 private:
  Result<std::vector<Expired>> find_expired(Admin& admin) const {
    v1::ListAgentsRequest request;
    request.set_page_size(kPageSize);
    request.mutable_filter()->mutable_by_can_reattest()->set_value(true);
    request.mutable_output_mask()->set_x509svid_expires_at(true);
    const auto now = std::chrono::system_clock::now();
    std::vector<Expired> expired;
    do {
      auto page = admin.client.call<v1::ListAgentsResponse>(kService + "ListAgents", request);
      if (!page) return page.status().prefixed("failed to list agents");
      for (const auto& agent : page->agents()) {
        SIGNET_TRY(const TrustDomain domain,
                   TrustDomain::parse_name_or_id(agent.id().trust_domain()));
        SIGNET_RETURN_IF_ERROR(SpiffeId::check_path(agent.id().path()));
        const std::chrono::sys_seconds end{std::chrono::seconds(agent.x509svid_expires_at())};
        if (now - end > expired_for_) expired.push_back({agent.id(), false, {}});
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return expired;
  }

  static void purge(Admin& admin, std::vector<Expired>& expired) {
    signet::cli::Progress progress(admin.io, "agents purged", expired.size());
    for (std::size_t i = 0; i < expired.size(); ++i) {
      progress.at(i);
      v1::DeleteAgentRequest request;
      *request.mutable_id() = expired[i].id;
      const auto answer =
          admin.client.call<::google::protobuf::Empty>(kService + "DeleteAgent", request);
      expired[i].deleted = answer.ok();
      expired[i].error = answer.status().message();
    }
  }

  static void print_json(Io& io, const std::vector<Expired>& expired) {
    auto list = nlohmann::ordered_json::array();
    for (const Expired& agent : expired) {
      nlohmann::ordered_json item = {{"agent_id", id_text(agent.id)}, {"deleted", agent.deleted}};
      if (!agent.error.empty()) item["error"] = agent.error;
      list.push_back(std::move(item));
    }
    io.out(x509::print_json(nlohmann::ordered_json{{"expired_agents", std::move(list)}}, -1) +
           "\n");
  }

  void print_pretty(Io& io, const std::vector<Expired>& expired) const {
    if (expired.empty()) {
      io.out("No agents to purge.\n");
      return;
    }
    io.out("Found " + signet::cli::counted(expired.size(), "expired agent", "expired agents") +
           "\n\n");
    std::string purged, kept;
    for (const Expired& agent : expired) {
      const std::string line = "SPIFFE ID         : " + id_text(agent.id) + "\n";
      if (dry_run_ || agent.deleted) {
        purged += line;
      } else {
        kept += line + "Error             : " + agent.error + "\n";
      }
    }
    if (!purged.empty())
      io.out((dry_run_ ? "\nAgents that can be purged:\n" : "Agents purged:\n") + purged);
    if (!kept.empty()) io.out("Agents not purged:\n" + kept);
  }

  std::chrono::nanoseconds expired_for_ = std::chrono::hours(24 * 30);
  bool dry_run_ = false;
};

}  // namespace

int purge_agents(Context& context, const Args& args) {
  return run_admin<PurgeAgents>(context, args);
}

}  // namespace signet::server::cli
