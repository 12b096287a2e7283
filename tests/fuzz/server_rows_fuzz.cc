// Hostile input: the rows of the server's database as it loads them at its start and as it takes
// over what others changed. Whoever may write there has the trust domain, but a row that is broken,
// or of a newer server, must not end this one.
//
// An input is rows: a byte for the kind of the record and for when it comes, one with the length of
// its ID, the ID, two with the length of its body (little-endian), and the body. The server starts
// or says why it does not; what it lists can be read.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzzed_server.h"
#include "proto/quiet.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/trustdomain/v1/trustdomain.pb.h"
#include "whole_role.h"

namespace {

using namespace signet;  // NOLINT: a program of one file
using fuzz::give_up;
using fuzz::Server;

constexpr const char* kKinds[] = {"entry",      "agent", "bundle",  "federation",
                                  "join_token", "meta",  "journal", "entry"};
constexpr std::uint8_t kLater = 0x08, kEnds = 0x10;
constexpr std::size_t kMostRows = 16;

struct Rows {
  std::vector<Record> at_start, later;
};

Rows read(std::string_view in) {
  Rows rows;
  const auto byte = [&] {
    if (in.empty()) return std::size_t{0};
    const auto value = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    return std::size_t{value};
  };
  const auto text = [&](std::size_t length) {
    std::string out(in.substr(0, length));
    in.remove_prefix(out.size());
    return out;
  };
  for (std::size_t n = 0; n < kMostRows && !in.empty(); ++n) {
    const std::size_t what = byte();
    Record record;
    record.kind = kKinds[what & 7];
    record.id = text(byte());
    if ((what & kEnds) != 0) record.expires_at = fuzz::kStart + 60;
    const std::size_t low = byte();
    record.body = text(low + 256 * byte());
    ((what & kLater) != 0 ? rows.later : rows.at_start).push_back(std::move(record));
  }
  return rows;
}

}  // namespace

extern "C" const char* __asan_default_options() { return fuzz::kAsanOptions; }  // NOLINT: its name

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::weigh_nothing(argc, argv);
  proto::keep_protobuf_quiet();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const server = new Server;
  Rows rows = read({reinterpret_cast<const char*>(data), size});
  if (const Status started = server->restore(std::move(rows.at_start)); !started.ok()) {
    if (started.message().empty() || !is_utf8(started.message())) give_up("no reason");
    return 0;
  }
  server->put(std::move(rows.later));
  server->fire_timers();
  for (const char* method :
       {"/spire.api.server.entry.v1.Entry/ListEntries",
        "/spire.api.server.agent.v1.Agent/ListAgents",
        "/spire.api.server.bundle.v1.Bundle/ListFederatedBundles",
        "/spire.api.server.bundle.v1.Bundle/GetBundle",
        "/spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships"}) {
    fuzz::check_answers(method, *server->rpc.call(method, ""));
  }
  constexpr const char* kEntries = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";
  fuzz::check_answers(kEntries, *server->rpc.call(kEntries, "", {}, server->agent));
  return 0;
}
