#include "server_group.h"

#include <algorithm>
#include <fstream>

#include "cli/write_file.h"
#include "crypto/random.h"

namespace signet::server {
namespace {

constexpr std::string_view kPrefix = "server/";
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLately = 120 * kSecond;  // who was not heard of for longer does not count
constexpr std::int64_t kHeartbeat = 30 * kSecond;
constexpr std::chrono::seconds kLook{1};
constexpr std::int64_t kForgotten = 24 * 3600;  // seconds
constexpr std::size_t kUuidLength = 36;

}  // namespace

Status ServerGroup::identify() {
  const std::string path = config_.data_dir + "/server-id";
  std::string id;
  if (std::ifstream file(path); file) file >> id;
  if (id.size() != kUuidLength) {
    id = crypto::random_uuid();
    const Status written = signet::cli::write_file(path, id + "\n", 0600);
    if (!written.ok()) return written.prefixed("cannot keep the server's ID in data_dir");
  }
  id_ = std::string(kPrefix) + id;
  return {};
}

Status ServerGroup::start(const std::string& journal_id) {
  started_ns_ = host_.monotonic_ns();
  std::vector<std::string> forgotten;
  {
    std::lock_guard lock(mutex_);
    if (const auto own = others_.find(id_); own != others_.end()) {
      if (own->second.told.agents() > 0) had_before_ = own->second.told.agents_have();
      others_.erase(own);
    }
    for (const auto& [id, other] : others_) {
      if (host_.unix_seconds() - other.told.seen_at() > kForgotten) forgotten.push_back(id);
    }
  }
  for (const std::string& id : forgotten) {
    SIGNET_TRY(auto tx, datastore_.write());
    // Somebody else may have been quicker.
    if (!tx.erase("meta", id).ok()) continue;
    SIGNET_TRY(const std::uint64_t revision, tx.commit());
    erase(id, revision);
    changes_.committed(revision);
  }
  told_.set_journal_id(journal_id);
  tell();
  return timer_.start_every(host_, kLook, [this] { tell(); });
}

void ServerGroup::stop() {
  timer_.stop();
  std::lock_guard lock(telling_);
  if (id_.empty() || told_ns_ == 0) return;
  ServerRecord last = told_;
  last.set_stopped(true);
  last.set_seen_at(host_.unix_seconds());
  if (const Status written = write(last); !written.ok()) {
    host_.log_status(LogLevel::kWarn, "The other servers could not be told of this one's end",
                     written);
  }
  told_ns_ = 0;
}

void ServerGroup::tell() {
  std::lock_guard lock(telling_);
  const BundlePtr own = bundles_.own();
  const std::int64_t now = host_.monotonic_ns();
  const std::uint64_t serves = own ? own->revision : 0;
  const bool due = told_ns_ == 0 || now - told_ns_ >= kHeartbeat;
  if (!due && told_.bundle_revision() == serves && told_.agents_have() >= serves) return;

  ServerRecord next = told_;
  const AgentRecords::Seen seen = agents_.seen(now - kLately, serves);
  std::uint64_t have = seen.agents == 0 ? serves : std::min(seen.lowest, serves);
  if (had_before_ && now - started_ns_ < kLately) have = std::min(have, *had_before_);
  next.set_bundle_revision(serves);
  // An agent that comes from another server is not known here yet, and one that has just been
  // attested asks for the bundle next: what was reached once is not taken back.
  next.set_agents_have(std::max(have, told_.agents_have()));
  next.set_agents(static_cast<std::uint32_t>(seen.agents));
  next.set_lacking(static_cast<std::uint32_t>(seen.lacking));
  const bool rose = next.bundle_revision() != told_.bundle_revision() ||
                    next.agents_have() != told_.agents_have();
  if (!rose && !due) return;
  next.set_seen_at(host_.unix_seconds());
  next.set_stopped(false);
  if (const Status written = write(next); !written.ok()) {
    host_.log_status(LogLevel::kWarn, "The other servers could not be told of this one", written);
    return;
  }
  told_ = std::move(next);
  told_ns_ = now;
}

Status ServerGroup::write(const ServerRecord& record) {
  SIGNET_TRY(auto tx, datastore_.write());
  Record stored;
  stored.kind = "meta";
  stored.id = id_;
  stored.body = record.SerializeAsString();
  SIGNET_RETURN_IF_ERROR(tx.put(stored));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  changes_.committed(revision);
  return {};
}

bool ServerGroup::heard_lately(const Other& other) const {
  return host_.monotonic_ns() - other.heard_ns <= kLately;
}

std::size_t ServerGroup::others() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(others_.begin(), others_.end(), [&](const auto& entry) {
        return entry.first != id_ && !entry.second.told.stopped() && heard_lately(entry.second);
      }));
}

Publication::Lacking ServerGroup::lacking_elsewhere(std::uint64_t revision) const {
  Lacking lacking;
  std::lock_guard lock(mutex_);
  for (const auto& [id, other] : others_) {
    if (id == id_ || !heard_lately(other)) continue;
    if (other.told.stopped()) {
      // Its agents may still be on their way to another server, or have none but this one.
      if (other.told.agents_have() < revision) lacking.agents += other.told.agents();
    } else if (other.told.bundle_revision() < revision) {
      ++lacking.servers;
      lacking.agents += other.told.agents();
    } else if (other.told.agents_have() < revision) {
      lacking.agents += std::max<std::uint32_t>(1, other.told.lacking());
    }
  }
  return lacking;
}

Publication::Lacking ServerGroup::lacking(std::uint64_t revision) const {
  Lacking lacking = lacking_elsewhere(revision);
  const std::int64_t now = host_.monotonic_ns();
  std::size_t ours = agents_.seen(now - kLately, revision).lacking;
  if (had_before_ && *had_before_ < revision && now - started_ns_ < kLately) {
    ours = std::max<std::size_t>(ours, 1);
  }
  lacking.agents += ours;
  return lacking;
}

Status ServerGroup::reload(Transaction& tx) {
  SIGNET_TRY(const std::vector<Record> records, tx.query({.kind = "meta", .where = {}}));
  const std::int64_t now = host_.unix_seconds();
  for (const Record& record : records) {
    ServerRecord told;
    if (!record.id.starts_with(kPrefix) || !told.ParseFromString(record.body)) continue;
    // How old it is only the other's clock can tell.
    const std::int64_t age = std::max<std::int64_t>(0, now - told.seen_at());
    take(record.id, told, record.revision, host_.monotonic_ns() - age * kSecond);
  }
  return {};
}

void ServerGroup::take(std::string_view id, const ServerRecord& told, std::uint64_t revision,
                       std::int64_t heard_ns) {
  std::lock_guard lock(mutex_);
  Other& other = others_[std::string(id)];
  if (other.revision > revision) return;
  other = {told, revision, heard_ns};
}

bool ServerGroup::knows(const Change& change) const {
  if (!change.id.starts_with(kPrefix) || change.id == id_) return true;
  std::lock_guard lock(mutex_);
  const auto at = others_.find(change.id);
  if (change.deleted) return at == others_.end();
  return at != others_.end() && at->second.revision >= change.revision;
}

void ServerGroup::apply(const Record& record) {
  ServerRecord told;
  if (!record.id.starts_with(kPrefix) || !told.ParseFromString(record.body)) return;
  take(record.id, told, record.revision, host_.monotonic_ns());
}

void ServerGroup::erase(std::string_view id, std::uint64_t) {
  std::lock_guard lock(mutex_);
  if (const auto at = others_.find(id); at != others_.end()) others_.erase(at);
}

}  // namespace signet::server
