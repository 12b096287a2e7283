#include "spire_import/import_task.h"

#include <cinttypes>
#include <cstdio>

#include "signet/datastore.h"
#include "signet/key_manager.h"
#include "signet/spire_source.h"

#include "spire_import/spire_import.h"
#include "spire_import/spire_settings.h"

namespace signet::server {
namespace {

constexpr std::int64_t kProgressPeriodNs = 1'000'000'000;

template <typename... Args>
void say(const char* format, Args... args) {
  std::printf(format, args...);
  std::printf("\n");
  std::fflush(stdout);
}

// SPIRE's keys and what the key manager of this server thinks of them.
struct Keys {
  std::vector<KeyInfo> found;
  bool kept = false;  // other keys have their names here, and stay
};

Result<Keys> look_at_keys(const Host& host, const SpireSettings& spire, bool finished) {
  Keys keys;
  if (spire.key_manager != "disk") {
    say("SPIRE's keys: none, they were in memory only; the server will make new authorities");
    return keys;
  }
  const auto importer = KeyImportClient::acquire(host);
  if (!importer) {
    return Status::failed_precondition(
        "this server's KeyManager takes over no keys: configure KeyManager \"disk\"");
  }
  const Status taken = importer->from_file(spire.keys_path, false, keys.found);
  say("SPIRE's keys: %s, %zu keys", spire.keys_path.c_str(), keys.found.size());
  if (taken.ok()) return keys;
  if (taken.code() != Code::kAlreadyExists) return taken;
  // After an import a server goes on: its keys have been replaced in their time.
  keys.kept = finished;
  if (keys.kept) return keys;
  return taken.prefixed("the keys cannot be taken over, this server has run already")
      .with("keys_path", spire.keys_path);
}

// What is there to take over. The same for both kinds of run.
void tell(const SpireCounts& counts, const Keys& keys, const TrustDomain& domain) {
  for (std::size_t n = 0; n < kSpireSteps; ++n) {
    const auto step = static_cast<SpireStep>(n);
    std::string more;
    if (step == SpireStep::kAgents && counts.banned_agents != 0) {
      more = " (" + std::to_string(counts.banned_agents) + " banned)";
    }
    if (step == SpireStep::kTokens && counts.expired_tokens != 0) {
      more = " (and " + std::to_string(counts.expired_tokens) + " expired, left out)";
    }
    say("  %-25s%" PRIu64 "%s", std::string(title_of(step)).c_str(), counts.records[n],
        more.c_str());
  }
  if (!counts.own_bundle) say("No bundle of %s is there: no server has run", domain.name().c_str());
  if (!keys.found.empty() && !counts.own_journal) {
    say("No authority of these keys is on record; the server will make new ones");
  }
}

Status prefixed_by_file(const Status& status, const std::string& file) {
  return status.prefixed("SPIRE's configuration " + file);
}

}  // namespace

Status ImportTask::start() {
  {
    const std::lock_guard lock(mutex_);
    running_ = true;
  }
  Status posted = host_.post([this] { run(); });
  if (!posted.ok()) {
    const std::lock_guard lock(mutex_);
    running_ = false;
  }
  return posted;
}

void ImportTask::stop() {
  stopping_ = true;
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !running_; });
}

void ImportTask::run() {
  const Status done = import();
  host_.quit(done.ok() ? 0 : 1, done.message());
  const std::lock_guard lock(mutex_);
  running_ = false;
  ended_.notify_all();
}

Status ImportTask::import() {
  const bool dry = config_.spire_import->dry_run;
  const std::string& file = config_.spire_import->config_path;
  const auto text = host_.read_config_file(file, config_.spire_import->expand_env);
  if (!text) return prefixed_by_file(text.status(), file);
  const auto spire = SpireSettings::from_json(text->bytes());
  if (!spire) return prefixed_by_file(spire.status(), file);
  if (spire->trust_domain.name() != config_.trust_domain.name()) {
    return Status::failed_precondition("SPIRE's trust domain is \"" + spire->trust_domain.name() +
                                       "\", this server's is \"" + config_.trust_domain.name() +
                                       "\"");
  }
  SIGNET_TRY(const auto source, SpireSource::acquire(host_));
  SIGNET_TRY(const SpireReader reader, source.open(spire->datastore, dry));
  say("%s, schema %" PRId64, reader.database().name.c_str(), reader.database().schema);

  SIGNET_TRY(const auto datastore, Datastore::acquire(host_));
  SpireImport import(reader, config_.trust_domain, host_.unix_seconds(),
                     [this] { return !stopping_.load(); });
  SIGNET_TRY(const auto state, dry ? import.check_target_of_dry_run(host_, datastore)
                                   : import.check_target(datastore));
  const bool finished = state == SpireImport::State::kFinished;
  SIGNET_TRY(const Keys keys, look_at_keys(host_, *spire, finished));
  SIGNET_TRY(const SpireCounts counts, import.look(keys.found));
  tell(counts, keys, config_.trust_domain);
  if (keys.kept) say("This server's own keys are newer and stay");
  if (state == SpireImport::State::kBegun) say("An import was begun; it goes on");
  if (dry) {
    say(finished ? "The import is done already" : "Dry run: nothing was written");
    return {};
  }
  if (!keys.found.empty() && !keys.kept) {
    SIGNET_TRY(const auto importer, KeyImportClient::acquire(host_));
    std::vector<KeyInfo> again;
    SIGNET_RETURN_IF_ERROR(importer.from_file(spire->keys_path, true, again));
  }
  if (finished) {
    say("The records were imported before; nothing was written to the datastore");
    return {};
  }
  std::int64_t told_ns = host_.monotonic_ns();
  SIGNET_RETURN_IF_ERROR(import.write(datastore, [&](SpireStep step, std::uint64_t done) {
    if (host_.monotonic_ns() - told_ns < kProgressPeriodNs) return;
    told_ns = host_.monotonic_ns();
    say("  %s: %" PRIu64 " of %" PRIu64, std::string(title_of(step)).c_str(), done,
        counts.of(step));
  }));
  say("Imported. Start the server with its own configuration; SPIRE's files are as they were");
  return {};
}

}  // namespace signet::server
