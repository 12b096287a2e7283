// The Agent service: ListAgents and CountAgents, with their filters and paging.
#include <charconv>
#include <ctime>
#include <optional>

#include "agent_records.h"
#include "agent_service.h"
#include "agent_svid.h"
#include "api_status.h"
#include "entry_record.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::server {
namespace {

namespace api = spire::api::server::agent::v1;

// A filter as the datastore can answer it, and the rest, which is asked of each record.
struct AgentFilter {
  Query query;
  std::optional<bool> banned;        // false only: the index knows who is banned
  std::optional<bool> can_reattest;  // false only
  bool post_filtered() const { return banned || can_reattest; }
  bool accepts(const AgentRecord& agent) const {
    return (!banned || agent.banned() == *banned) &&
           (!can_reattest || agent.body.can_reattest() == *can_reattest);
  }
};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// "2006-01-02 15:04:05 -0700 -07", as Go's Time.String begins; anything else is no filter.
std::int64_t parse_expires_before(std::string_view t) {
  constexpr std::string_view kShape = "dddd-dd-dd dd:dd:dd sdddd sdd";
  if (t.size() != kShape.size()) return 0;
  for (std::size_t i = 0; i < t.size(); ++i) {
    const bool good = kShape[i] == 'd'   ? t[i] >= '0' && t[i] <= '9'
                      : kShape[i] == 's' ? t[i] == '+' || t[i] == '-'
                                         : t[i] == kShape[i];
    if (!good) return 0;
  }
  std::tm tm{};
  tm.tm_year = *number(t.substr(0, 4)) - 1900;
  tm.tm_mon = *number(t.substr(5, 2)) - 1;
  tm.tm_mday = *number(t.substr(8, 2));
  tm.tm_hour = *number(t.substr(11, 2));
  tm.tm_min = *number(t.substr(14, 2));
  tm.tm_sec = *number(t.substr(17, 2));
  if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
      tm.tm_min > 59 || tm.tm_sec > 59) {
    return 0;
  }
  const std::int64_t offset = *number(t.substr(21, 2)) * 3600 + *number(t.substr(23, 2)) * 60;
  return timegm(&tm) - (t[20] == '-' ? -offset : offset);
}

template <typename Filter>
Status read_filter(CallContext& call, const Filter& filter, const char* failure, AgentFilter& out) {
  if (!filter.by_attestation_type().empty()) {
    out.query.where.emplace_back("attestation_type", filter.by_attestation_type());
  }
  if (filter.has_by_banned()) {
    if (filter.by_banned().value()) {
      out.query.where.emplace_back("banned", "1");
    } else {
      out.banned = false;
    }
  }
  if (filter.has_by_can_reattest()) {
    if (filter.by_can_reattest().value()) {
      out.query.where.emplace_back("can_reattest", "1");
    } else {
      out.can_reattest = false;
    }
  }
  if (!filter.by_expires_before().empty()) {
    out.query.expires_before = parse_expires_before(filter.by_expires_before());
  }
  if (!filter.has_by_selector_match()) return {};
  const auto& match = filter.by_selector_match();
  for (const auto& selector : match.selectors()) {
    const Status valid = Selector{selector.type(), selector.value()}.check();
    if (!valid.ok()) {
      return api_error(call.host(), Code::kInvalidArgument, "failed to parse selectors", valid);
    }
  }
  if (match.selectors().empty()) {
    return api_error(call.host(), Code::kInternal, failure,
                     Status::invalid_argument("cannot list by empty selectors set"));
  }
  add_selector_keys(out.query.where, match.selectors());
  out.query.selector_match =
      static_cast<std::uint32_t>(match.match());  // the numbers are the API's
  return {};
}

Status list_agents(CallContext& call, const api::ListAgentsRequest& request,
                   api::ListAgentsResponse& response) {
  constexpr const char* kFailure = "failed to list agents";
  AgentFilter filter;
  filter.query.kind = "agent";
  SIGNET_RETURN_IF_ERROR(read_filter(call, request.filter(), kFailure, filter));
  const std::size_t page_size =
      request.page_size() > 0 ? static_cast<std::size_t>(request.page_size()) : 0;
  if (page_size > 0) {
    const auto after = parse_page_token(request.page_token());
    if (!after) return api_error(call.host(), Code::kInternal, kFailure, after.status());
    filter.query.after_row = *after;
  }
  const auto* mask = request.has_output_mask() ? &request.output_mask() : nullptr;
  std::uint64_t last_row = 0;
  // A page is filled up when the records' own test left some of it out.
  while (true) {
    const std::size_t have = static_cast<std::size_t>(response.agents_size());
    filter.query.limit = page_size > 0 ? static_cast<std::uint32_t>(page_size - have) : 0;
    const auto page = call.services().agents->list(filter.query);
    if (!page) return store_error(call.host(), kFailure, page.status());
    for (const AgentPtr& agent : page->agents) {
      if (filter.accepts(*agent)) agent_to_api(*agent, mask, response.add_agents());
    }
    if (page->last_row != 0 && response.agents_size() > 0) last_row = page->last_row;
    const bool full =
        page_size == 0 || static_cast<std::size_t>(response.agents_size()) >= page_size;
    if (full || page->last_row == 0 || !filter.post_filtered()) break;
    filter.query.after_row = page->last_row;
  }
  if (page_size > 0 && last_row != 0) response.set_next_page_token(std::to_string(last_row));
  return {};
}

Status count_agents(CallContext& call, const api::CountAgentsRequest& request,
                    api::CountAgentsResponse& response) {
  constexpr const char* kFailure = "failed to count agents";
  AgentFilter filter;
  filter.query.kind = "agent";
  SIGNET_RETURN_IF_ERROR(read_filter(call, request.filter(), kFailure, filter));
  if (!filter.post_filtered()) {
    const auto count = call.services().agents->count(filter.query);
    if (!count) return store_error(call.host(), kFailure, count.status());
    response.set_count(static_cast<std::int32_t>(*count));
    return {};
  }
  const auto page = call.services().agents->list(filter.query);
  if (!page) return store_error(call.host(), kFailure, page.status());
  std::int32_t count = 0;
  for (const AgentPtr& agent : page->agents) count += filter.accepts(*agent) ? 1 : 0;
  response.set_count(count);
  return {};
}

}  // namespace

void register_agent_listing(MethodRegistry& methods, ServiceContext&) {
  methods.unary("/spire.api.server.agent.v1.Agent/ListAgents", list_agents);
  methods.unary("/spire.api.server.agent.v1.Agent/CountAgents", count_agents);
}

}  // namespace signet::server
