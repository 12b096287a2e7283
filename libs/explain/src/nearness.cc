#include "explain/nearness.h"

#include "spelling.h"

namespace signet::explain {
namespace {

// A hostile workload may have thousands of one kind. Where many entries are ranked, some will do.
constexpr std::size_t kComparedInRank = 64;
constexpr std::size_t kCompared = 1024;

// "uid" and "1000" of uid:1000; "" and all of it where there is no ':'.
std::pair<std::string_view, std::string_view> split(std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return {value.substr(0, 0), value};
  return {value.substr(0, colon), value.substr(colon + 1)};
}

struct Kin {
  const Selector* selector = nullptr;
  Likeness likeness;
  bool slip = false;  // one of the kind is taken for a slip of the pen
};

Kin kin_of(const Selector& wanted, const SelectorSet& caller) {
  const auto [kind, rest] = split(wanted.value);
  Kin best;
  std::size_t compared = 0;
  for (const Selector& selector : caller) {
    const auto [other_kind, other_rest] = split(selector.value);
    if (selector.type != wanted.type || other_kind != kind) continue;
    const Likeness likeness = likeness_of(rest, other_rest);
    best.slip = best.slip || is_slip(rest, other_rest);
    if (best.selector == nullptr || likeness > best.likeness) {
      best.selector = &selector;
      best.likeness = likeness;
    }
    if (++compared == kCompared) break;
  }
  return best;
}

}  // namespace

Caller::Caller(const SelectorSet& selectors) {
  for (const Selector& selector : selectors) {
    const auto [kind, rest] = split(selector.value);
    kinds_[{selector.type, kind}].push_back(rest);
  }
  for (auto& [kind, values] : kinds_) std::sort(values.begin(), values.end());
}

Rank Caller::rank(std::span<const SelectorView> entry) const {
  Rank out;
  for (const auto& [type, value] : entry) {
    const auto [kind, rest] = split(value);
    const auto found = kinds_.find({type, kind});
    if (found == kinds_.end()) {
      ++out.lacks;
      continue;
    }
    const std::vector<std::string_view>& values = found->second;
    if (std::binary_search(values.begin(), values.end(), rest)) {
      ++out.has;
      continue;
    }
    ++out.lacks;
    ++out.kin;
    const auto some =
        values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), kComparedInRank));
    out.misspelt += std::any_of(values.begin(), some, [wanted = rest](std::string_view other) {
      return is_slip(wanted, other);
    });
  }
  return out;
}

Rank Caller::rank(const SelectorSet& entry) const {
  std::vector<SelectorView> views;
  views.reserve(entry.size());
  for (const Selector& selector : entry) views.emplace_back(selector.type, selector.value);
  return rank(views);
}

Nearness nearness(const SelectorSet& entry, const SelectorSet& caller) {
  Nearness out;
  for (const Selector& selector : entry) {
    if (std::binary_search(caller.begin(), caller.end(), selector)) {
      out.has.push_back(selector);
      continue;
    }
    out.lacks.push_back(selector);
    const Kin kin = kin_of(selector, caller);
    if (kin.selector == nullptr) continue;
    ++out.rank.kin;
    out.letters += kin.likeness.far;
    if (kin.slip) ++out.rank.misspelt;
  }
  out.rank.has = out.has.size();
  out.rank.lacks = out.lacks.size();
  return out;
}

const Selector* nearest_kin(const Selector& wanted, const SelectorSet& caller) {
  return kin_of(wanted, caller).selector;
}

}  // namespace signet::explain
