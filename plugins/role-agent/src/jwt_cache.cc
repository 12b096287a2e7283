#include "jwt_cache.h"

#include <algorithm>

#include "jwt/svid.h"
#include "rotation.h"

namespace signet::agent {
namespace {

// What tokens are told apart by: the SPIFFE ID and the audience as a sorted list, duplicates
// included; not the entry, so entries with the same SPIFFE ID share.
std::string key_of(const Entry& entry, const std::vector<std::string>& audience) {
  std::string key = entry.spiffe_id.to_string();
  const auto add = [&key](const std::string& a) { key.append(1, '\0').append(a); };
  if (std::is_sorted(audience.begin(), audience.end())) {
    for (const std::string& a : audience) add(a);
  } else {
    std::vector<std::string> sorted = audience;
    std::sort(sorted.begin(), sorted.end());
    for (const std::string& a : sorted) add(a);
  }
  return key;
}

}  // namespace

JwtCache::JwtCache(Host host, ServerApi& server, Options options,
                   std::function<void(const Status&)> refused)
    : host_(std::move(host)), server_(server), options_(options), refused_(std::move(refused)) {}

JwtSvidPtr JwtCache::cached(const Entry& entry, const std::vector<std::string>& audience) {
  if (entry.jwt_svid_include_jti) return nullptr;  // a token with a jti is used once
  JwtSvidPtr token = find(key_of(entry, audience));
  if (!token || past_half_life(token->issued_at, token->expires_at, now())) return nullptr;
  return token;
}

Result<JwtSvidPtr> JwtCache::fetch(const Entry& entry, const std::vector<std::string>& audience,
                                   std::int64_t deadline_ns) {
  if (entry.jwt_svid_include_jti) return ask(entry, audience, deadline_ns);
  const std::string key = key_of(entry, audience);
  const JwtSvidPtr old = find(key);
  if (old && !past_half_life(old->issued_at, old->expires_at, now())) return old;
  const bool usable = old && now() < static_cast<double>(old->expires_at);
  if (usable) deadline_ns = std::min(deadline_ns, host_.deadline_in(options_.hit_timeout));

  std::shared_ptr<Flight> flight;
  bool mine = false;
  {
    std::unique_lock lock(mutex_);
    std::shared_ptr<Flight>& slot = flights_[key];
    mine = slot == nullptr;
    if (mine) slot = std::make_shared<Flight>();
    flight = slot;
    if (!mine) {
      const auto patience = std::chrono::nanoseconds(std::max<std::int64_t>(
          std::min(deadline_ns, host_.deadline_in(std::chrono::seconds(30))) - host_.monotonic_ns(),
          0));
      landed_.wait_for(lock, patience, [&] { return flight->over; });
    }
  }
  if (mine) {
    Result<JwtSvidPtr> answer = ask(entry, audience, deadline_ns);
    if (answer) remember(key, *answer);
    const std::lock_guard lock(mutex_);
    flight->over = true;
    if (answer) {
      flight->token = *answer;
    } else {
      flight->status = answer.status();
    }
    flights_.erase(key);
    landed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  if (flight->token) return flight->token;
  const Status failure =
      flight->over ? flight->status : Status::deadline_exceeded("the server takes too long");
  if (old && now() < static_cast<double>(old->expires_at)) {
    host_.log_status(LogLevel::kWarn, "Unable to renew JWT; will use cached copy", failure);
    return old;
  }
  return failure;
}

std::size_t JwtCache::taint(const std::set<std::string>& key_ids) {
  const std::lock_guard lock(mutex_);
  std::size_t dropped = 0;
  for (auto it = items_.begin(); it != items_.end();) {
    if (key_ids.contains(it->key_id)) {
      index_.erase(it->key);
      it = items_.erase(it);
      ++dropped;
    } else {
      ++it;
    }
  }
  return dropped;
}

void JwtCache::clear() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  items_.clear();
}

std::size_t JwtCache::size() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

JwtSvidPtr JwtCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return found->second->token;
}

void JwtCache::remember(const std::string& key, const JwtSvidPtr& token) {
  const auto parsed = jwt::parse_unverified(token->token);
  std::string key_id = parsed ? parsed->key_id : std::string();
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) {
    found->second->token = token;
    found->second->key_id = std::move(key_id);
    items_.splice(items_.begin(), items_, found->second);
    return;
  }
  if (items_.size() >= options_.limit && !items_.empty()) {
    index_.erase(items_.back().key);
    items_.pop_back();
  }
  items_.push_front({key, token, std::move(key_id)});
  index_.emplace(items_.front().key, items_.begin());
}

Result<JwtSvidPtr> JwtCache::ask(const Entry& entry, const std::vector<std::string>& audience,
                                 std::int64_t deadline_ns) {
  svid_v1::NewJWTSVIDRequest request;
  request.set_entry_id(entry.id);
  for (const std::string& a : audience) request.add_audience(a);
  Result<types::JWTSVID> answer = server_.new_jwt_svid(request, deadline_ns);
  if (!answer) {
    if (refused_) refused_(answer.status());
    return answer.status();
  }
  // JWT-SVID 3.3: a token without an end is none.
  if (answer->token().empty()) return Status::internal("empty JWT-SVID returned");
  if (answer->expires_at() == 0) return Status::internal("JWT-SVID has no expiration");
  return JwtSvidPtr(std::make_shared<JwtSvidData>(
      JwtSvidData{answer->token(), answer->issued_at(), answer->expires_at()}));
}

}  // namespace signet::agent
