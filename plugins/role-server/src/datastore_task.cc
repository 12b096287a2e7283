#include "datastore_task.h"

#include <cstdio>
#include <string>

#include "signet/datastore.h"

namespace signet::server {
namespace {

// One sentence, and whether this program can use the tables as they are.
bool judge(const DatastoreSchema::State& state, std::string& words) {
  const std::string version = "schema " + std::to_string(state.version);
  const std::string known = "this program knows schema " + std::to_string(state.known);
  if (state.version == 0) {
    words = "no tables yet; the server makes them when it starts";
    return true;
  }
  if (state.version < state.known) {
    words = version + ", " + known + ": run `signet server datastore migrate`";
    return false;
  }
  if (state.version > state.known) {
    words = version + ", " + known + ", which can go on with it";
    return true;
  }
  words = version + ", up to date";
  return true;
}

}  // namespace

Status run_datastore_task(const Host& host, std::string_view task) {
  SIGNET_TRY(const auto schema, DatastoreSchema::acquire(host));
  SIGNET_TRY(const auto state, task == "migrate" ? schema.migrate() : schema.check());
  std::string words;
  const bool usable = judge(state, words);
  std::printf("%s: %s\n", state.database.c_str(), words.c_str());
  std::fflush(stdout);
  host.quit(usable ? 0 : 1, {});
  return {};
}

}  // namespace signet::server
