// entry show and entry count: what matches a filter.
#include <algorithm>

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/print_entry.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::entry::v1;
const std::string kService = "/spire.api.server.entry.v1.Entry/";
constexpr int kPageSize = 500;

struct FilterFlags {
  std::string parent_id, spiffe_id, hint;
  std::string match_selectors = "superset", match_federates_with = "superset";
  std::vector<std::string> selectors, federates_with;
  bool downstream = false;

  void declare(FlagSet& flags) {
    flags.text("parentID", &parent_id, "only entries with this parent");
    flags.text("spiffeID", &spiffe_id, "only entries for this SPIFFE ID");
    flags.text("hint", &hint, "only entries with this hint");
    flags.boolean("downstream", &downstream, "only downstream entries; without it, only others");
    flags.texts("selector", &selectors, "only entries that match this type:value; repeatable");
    flags.texts("federatesWith", &federates_with,
                "only entries that match this trust domain; repeatable");
    constexpr const char* kHow =
        "how the ones given are compared with the entry's: exact, any, superset or subset";
    flags.text("matchSelectorsOn", &match_selectors, kHow);
    flags.text("matchFederatesWithOn", &match_federates_with, kHow);
  }

  /// Filter: that of ListEntries or of CountEntries, which have the same fields.
  template <typename Filter>
  Status fill(Filter* filter) const {
    if (!parent_id.empty()) {
      auto id = parse_id(parent_id);
      if (!id) return bad_id("parent ID", parent_id, id.status());
      *filter->mutable_by_parent_id() = *std::move(id);
    }
    if (!spiffe_id.empty()) {
      auto id = parse_id(spiffe_id);
      if (!id) return bad_id("SPIFFE ID", spiffe_id, id.status());
      *filter->mutable_by_spiffe_id() = *std::move(id);
    }
    if (!selectors.empty()) {
      SIGNET_TRY(const int match, match_number(match_selectors));
      auto* by = filter->mutable_by_selectors();
      by->set_match(static_cast<types::SelectorMatch::MatchBehavior>(match));
      for (const std::string& text : selectors) {
        auto selector = parse_selector(text);
        if (!selector) return selector.status().prefixed("error parsing selectors");
        *by->add_selectors() = *std::move(selector);
      }
    }
    if (!federates_with.empty()) {
      SIGNET_TRY(const int match, match_number(match_federates_with));
      auto* by = filter->mutable_by_federates_with();
      by->set_match(static_cast<types::FederatesWithMatch::MatchBehavior>(match));
      for (const std::string& domain : federates_with) by->add_trust_domains(domain);
    }
    if (!hint.empty()) filter->mutable_by_hint()->set_value(hint);
    filter->mutable_by_downstream()->set_value(downstream);
    return {};
  }

 private:
  static Status bad_id(const char* what, const std::string& text, const Status& why) {
    return why.prefixed(std::string("error parsing ") + what + " " + signet::cli::go_quote(text));
  }
  static Result<int> match_number(const std::string& word) {
    const auto match = parse_match(word);
    if (match) return *match;
    return Status::invalid_argument("match behavior " + signet::cli::go_quote(word) + " unknown");
  }
};

bool selector_less(const types::Selector& a, const types::Selector& b) {
  return std::tie(a.type(), a.value()) < std::tie(b.type(), b.value());
}

// By SPIFFE ID, parent, TTLs, then selectors, fewer first.
bool entry_less(const types::Entry& a, const types::Entry& b) {
  const auto key = [](const types::Entry& e) {
    return std::make_tuple(
        std::string_view(e.spiffe_id().trust_domain()), std::string_view(e.spiffe_id().path()),
        std::string_view(e.parent_id().trust_domain()), std::string_view(e.parent_id().path()),
        e.x509_svid_ttl(), e.jwt_svid_ttl(), e.selectors_size());
  };
  const auto ka = key(a), kb = key(b);
  if (ka != kb) return ka < kb;
  return std::lexicographical_compare(a.selectors().begin(), a.selectors().end(),
                                      b.selectors().begin(), b.selectors().end(), selector_less);
}

class ShowEntries final : public AdminCommand {
 public:
  const char* name() const override { return "entry show"; }
  void declare(FlagSet& flags) override {
    flags.text("entryID", &entry_id_, "the one entry with this ID; goes with no other filter");
    filter_.declare(flags);
  }

  Status run(Admin& admin) override {
    if (!entry_id_.empty() &&
        (!filter_.parent_id.empty() || !filter_.spiffe_id.empty() || !filter_.selectors.empty())) {
      return Status::invalid_argument("the -entryID flag can't be combined with others");
    }
    v1::ListEntriesResponse found;
    SIGNET_RETURN_IF_ERROR(entry_id_.empty() ? list(admin, found) : get(admin, found));
    for (auto& entry : *found.mutable_entries())
      std::sort(entry.mutable_selectors()->begin(), entry.mutable_selectors()->end(),
                selector_less);
    std::stable_sort(
        found.mutable_entries()->pointer_begin(), found.mutable_entries()->pointer_end(),
        [](const types::Entry* a, const types::Entry* b) { return entry_less(*a, *b); });
    return admin.output.print(admin.io, found, [&] {
      admin.io.out(
          "Found " +
          signet::cli::counted(static_cast<std::size_t>(found.entries_size()), "entry", "entries") +
          "\n");
      for (const auto& entry : found.entries()) admin.io.out(entry_text(entry));
      return Status();
    });
  }

 private:
  Status get(Admin& admin, v1::ListEntriesResponse& found) const {
    v1::GetEntryRequest request;
    request.set_id(entry_id_);
    auto entry = admin.client.call<types::Entry>(kService + "GetEntry", request);
    if (!entry) return entry.status().prefixed("error fetching entry ID " + entry_id_);
    *found.add_entries() = *std::move(entry);
    return {};
  }
  Status list(Admin& admin, v1::ListEntriesResponse& found) const {
    v1::ListEntriesRequest request;
    request.set_page_size(kPageSize);
    SIGNET_RETURN_IF_ERROR(filter_.fill(request.mutable_filter()));
    do {
      auto page = admin.client.call<v1::ListEntriesResponse>(kService + "ListEntries", request);
      if (!page) return page.status().prefixed("error fetching entries");
      for (auto& entry : *page->mutable_entries()) *found.add_entries() = std::move(entry);
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return {};
  }

  std::string entry_id_;
  FilterFlags filter_;
};

class CountEntries final : public AdminCommand {
 public:
  const char* name() const override { return "entry count"; }
  void declare(FlagSet& flags) override { filter_.declare(flags); }

  Status run(Admin& admin) override {
    v1::CountEntriesRequest request;
    SIGNET_RETURN_IF_ERROR(filter_.fill(request.mutable_filter()));
    SIGNET_TRY(const auto answer,
               admin.client.call<v1::CountEntriesResponse>(kService + "CountEntries", request));
    return admin.output.print(admin.io, answer, [&] {
      admin.io.out(signet::cli::counted(static_cast<std::size_t>(answer.count()),
                                        "registration entry", "registration entries") +
                   "\n");
      return Status();
    });
  }

 private:
  FilterFlags filter_;
};

}  // namespace

int show_entries(Context& context, const Args& args) {
  return run_admin<ShowEntries>(context, args);
}
int count_entries(Context& context, const Args& args) {
  return run_admin<CountEntries>(context, args);
}

}  // namespace signet::server::cli
