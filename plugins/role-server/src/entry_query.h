// The filters of CountEntries and ListEntries as a query, with SPIRE's words for malformed ones.
#pragma once

#include "signet/datastore.h"
#include "signet/selector.h"

#include "api_id.h"
#include "api_status.h"
#include "entry_record.h"
#include "service_context.h"

namespace signet::server {

/// Request: CountEntriesRequest or ListEntriesRequest; their filters have the same fields.
/// Errors   kInvalidArgument: "malformed parent ID filter: ..." and so on
template <typename Request>
Result<Query> entry_query(const ServiceContext& context, const Request& request) {
  Query query;
  query.kind = kEntryKind;
  if (!request.has_filter()) return query;
  const auto& filter = request.filter();
  const auto malformed = [&](const char* what, const Status& cause) {
    return api_error(context.host, Code::kInvalidArgument,
                     std::string("malformed ") + what + " filter", cause);
  };
  // An empty hint and downstream = false narrow nothing, as in SPIRE.
  if (filter.has_by_hint() && !filter.by_hint().value().empty()) {
    query.where.emplace_back("hint", filter.by_hint().value());
  }
  if (filter.has_by_parent_id()) {
    const auto id = member_id_from_api(context.trust_domain(), &filter.by_parent_id());
    if (!id) return malformed("parent ID", id.status());
    query.where.emplace_back("parent_id", id->to_string());
  }
  if (filter.has_by_spiffe_id()) {
    const auto id = workload_id_from_api(context.trust_domain(), &filter.by_spiffe_id());
    if (!id) return malformed("SPIFFE ID", id.status());
    query.where.emplace_back("spiffe_id", id->to_string());
  }
  if (filter.has_by_selectors()) {
    const auto& match = filter.by_selectors();
    for (const auto& s : match.selectors()) {
      if (Status bad = Selector{s.type(), s.value()}.check(); !bad.ok())
        return malformed("selectors", bad);
    }
    if (match.selectors().empty()) {
      return malformed("selectors", Status::invalid_argument("empty selector set"));
    }
    add_selector_keys(query.where, match.selectors());
    query.selector_match = static_cast<uint32_t>(match.match());
  }
  if (filter.has_by_federates_with()) {
    const auto& match = filter.by_federates_with();
    for (const std::string& name : match.trust_domains()) {
      const auto td = TrustDomain::parse_name_or_id(name);
      if (!td) return malformed("federates with", td.status());
      query.where.emplace_back("federates_with", td->name());
    }
    if (match.trust_domains().empty()) {
      return malformed("federates with", Status::invalid_argument("empty trust domain set"));
    }
    query.federates_match = static_cast<uint32_t>(match.match());
  }
  if (filter.has_by_downstream() && filter.by_downstream().value()) {
    query.where.emplace_back("downstream", "1");
  }
  return query;
}

}  // namespace signet::server
