// agent list and agent count: the agents that match a filter.
#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/print_agent.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::agent::v1;
using signet::cli::Tristate;

const std::string kService = "/spire.api.server.agent.v1.Agent/";
constexpr int kPageSize = 1000;

struct FilterFlags {
  std::vector<std::string> selectors;
  std::string match_selectors = "superset", attestation_type, expires_before;
  Tristate banned = Tristate::kAll, can_reattest = Tristate::kAll;

  void declare(FlagSet& flags) {
    flags.texts("selector", &selectors, "only agents that match this type:value; repeatable");
    flags.text(
        "matchSelectorsOn", &match_selectors,
        "how the selectors given are compared with the agent's: exact, any, superset or subset");
    flags.text("attestationType", &attestation_type,
               "only agents attested this way, for example join_token");
    flags.text("expiresBefore", &expires_before,
               "only agents whose SVID ends before this time, written as \"2006-01-02 15:04:05 "
               "-0700 -07\"");
    flags.tristate("banned", &banned, "true: only banned agents; false: only others");
    flags.tristate("canReattest", &can_reattest,
                   "true: only agents that can attest again; false: only others");
  }

  /// Filter: that of ListAgents or of CountAgents, which have the same fields.
  template <typename Filter>
  Status fill(Filter* filter) const {
    if (!selectors.empty()) {
      const auto match = parse_match(match_selectors);
      if (!match) return Status::invalid_argument("unsupported match behavior");
      auto* by = filter->mutable_by_selector_match();
      by->set_match(static_cast<types::SelectorMatch::MatchBehavior>(*match));
      for (const std::string& text : selectors) {
        auto selector = parse_selector(text);
        if (!selector) {
          return selector.status().prefixed("error parsing selector " +
                                            signet::cli::go_quote(text));
        }
        *by->add_selectors() = *std::move(selector);
      }
    }
    if (!expires_before.empty()) {
      const Status date = signet::cli::check_agent_date(expires_before);
      if (!date.ok()) return date.prefixed("date is not valid");
      filter->set_by_expires_before(expires_before);
    }
    filter->set_by_attestation_type(attestation_type);
    if (can_reattest != Tristate::kAll)
      filter->mutable_by_can_reattest()->set_value(can_reattest == Tristate::kTrue);
    if (banned != Tristate::kAll) filter->mutable_by_banned()->set_value(banned == Tristate::kTrue);
    return {};
  }
};

class ListAgents final : public AdminCommand {
 public:
  const char* name() const override { return "agent list"; }
  void declare(FlagSet& flags) override { filter_.declare(flags); }

  Status run(Admin& admin) override {
    v1::ListAgentsRequest request;
    request.set_page_size(kPageSize);
    SIGNET_RETURN_IF_ERROR(filter_.fill(request.mutable_filter()));
    v1::ListAgentsResponse found;
    do {
      SIGNET_TRY(auto page,
                 admin.client.call<v1::ListAgentsResponse>(kService + "ListAgents", request));
      for (auto& agent : *page.mutable_agents()) *found.add_agents() = std::move(agent);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return admin.output.print(admin.io, found, [&] { return print(admin.io, found); });
  }

 private:
  static Status print(Io& io, const v1::ListAgentsResponse& found) {
    if (found.agents().empty()) {
      io.out("No attested agents found\n");
      return {};
    }
    io.out("Found " +
           signet::cli::counted(static_cast<std::size_t>(found.agents_size()), "attested agent",
                                "attested agents") +
           ":\n\n");
    for (const auto& agent : found.agents()) {
      SIGNET_TRY(const std::string text, agent_text(agent));
      io.out(text);
    }
    return {};
  }
  FilterFlags filter_;
};

class CountAgents final : public AdminCommand {
 public:
  const char* name() const override { return "agent count"; }
  void declare(FlagSet& flags) override { filter_.declare(flags); }

  Status run(Admin& admin) override {
    v1::CountAgentsRequest request;
    SIGNET_RETURN_IF_ERROR(filter_.fill(request.mutable_filter()));
    SIGNET_TRY(const auto answer,
               admin.client.call<v1::CountAgentsResponse>(kService + "CountAgents", request));
    return admin.output.print(admin.io, answer, [&] {
      admin.io.out(signet::cli::counted(static_cast<std::size_t>(answer.count()), "attested agent",
                                        "attested agents") +
                   "\n");
      return Status();
    });
  }

 private:
  FilterFlags filter_;
};

}  // namespace

int list_agents(Context& context, const Args& args) { return run_admin<ListAgents>(context, args); }
int count_agents(Context& context, const Args& args) {
  return run_admin<CountAgents>(context, args);
}

}  // namespace signet::server::cli
