// Hostile input, of a friend: the files that an operator gives to commands of the server (-data,
// bundles), and the numbers and dates on the command line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "signet/duration.h"
#include "signet/spiffe_id.h"
#include "signet/utf8.h"

#include "cli/entry_data.h"
#include "cli/federation_data.h"
#include "cli/go_text.h"
#include "cli/print_bundle.h"

namespace {

using namespace signet;               // NOLINT: a program, not a header
using namespace signet::server::cli;  // NOLINT

void demand(bool holds) {
  if (!holds) std::abort();
}

// What is refused is refused in words that a terminal can show.
template <typename Read>
bool taken(const Read& read) {
  if (!read) demand(!read.status().message().empty());
  return read.ok();
}

void read_files(const std::string& text) {
  if (const auto entries = read_entries(text); taken(entries)) {
    for (const auto& entry : *entries) {
      demand(TrustDomain::parse(entry.spiffe_id().trust_domain()).ok());
      demand(is_utf8(entry.hint()));
    }
  }
  (void)taken(read_entry_ids(text));
  if (const auto relationships = read_relationships(text); taken(relationships)) {
    for (const auto& one : *relationships) demand(!one.trust_domain().empty());
  }
  for (const char* format : {"pem", "spiffe"}) {
    const auto bundle = read_bundle(text, format, "example.org");
    if (!taken(bundle)) continue;
    const auto printed = bundle_text(*bundle, format, false);
    demand(printed.ok() && read_bundle(*printed, format, "example.org").ok());
  }
}

void read_words(const std::string& text) {
  (void)signet::cli::check_agent_date(text);
  if (const auto number = signet::cli::go_parse_int(text)) {
    demand(signet::cli::go_parse_int(std::to_string(*number)).ok());
  }
  if (const auto duration = signet::cli::go_parse_duration(text)) {
    (void)signet::cli::to_seconds32(*duration);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_files(text);
  read_words(text);
  return 0;
}
