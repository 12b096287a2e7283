// Sending entries in batches, and printing what became of each.
#pragma once

#include "cli/admin_command.h"
#include "cli/entry_data.h"
#include "cli/go_text.h"
#include "cli/print_entry.h"

namespace signet::server::cli {

// A request stays well below gRPC's 4 MiB, and a batch short enough to show progress.
inline constexpr std::size_t kBatchBytes = 2 * 1024 * 1024;
inline constexpr std::size_t kBatchItems = 1000;

/// The entries of a -data file.
inline Result<std::vector<types::Entry>> load_entries(const Io& io, const std::string& path) {
  SIGNET_TRY(const std::string text, signet::cli::read_file_or_in(io, path, kMaxDataBytes));
  return read_entries(text);
}

/// Calls `method` for all entries, in as few batches as fit. A result that failed carries the
/// entry that was sent, since the server sends none. When a batch fails as a whole, `failed` says
/// why and the answer has the results before it.
template <typename Request, typename Response>
Response send_entries(Admin& admin, const std::string& method, const std::string& progress_text,
                      const std::vector<types::Entry>& entries, Status& failed) {
  Response all;
  signet::cli::Progress progress(admin.io, progress_text, entries.size());
  std::size_t next = 0;
  do {
    Request request;
    const std::size_t begin = next;
    for (std::size_t bytes = 0; next < entries.size() && next - begin < kBatchItems; ++next) {
      bytes += entries[next].ByteSizeLong();
      if (next > begin && bytes > kBatchBytes) break;
      *request.add_entries() = entries[next];
    }
    auto answer = admin.client.call<Response>(method, request, signet::cli::kBatchTime);
    if (!answer) {
      failed = answer.status();
      break;
    }
    for (int i = 0; i < answer->results_size(); ++i) {
      auto* result = answer->mutable_results(i);
      const std::size_t sent = begin + static_cast<std::size_t>(i);
      if (result->status().code() != 0 && sent < entries.size())
        *result->mutable_entry() = entries[sent];
      *all.add_results() = std::move(*result);
    }
    if (next < entries.size()) progress.at(next);
  } while (next < entries.size());
  return all;
}

/// Prints the entries that worked, then on standard error those that did not.
/// verb    "create"
template <typename Response>
Status print_entry_results(Io& io, const Response& response, const std::string& verb) {
  std::string failures;
  for (const auto& result : response.results()) {
    if (result.status().code() == 0) {
      io.out(entry_text(result.entry()));
      continue;
    }
    failures += "Failed to " + verb +
                " the following entry (code: " + signet::cli::go_code_name(result.status().code()) +
                ", msg: " + signet::cli::go_quote(result.status().message()) + "):\n" +
                entry_text(result.entry());
  }
  if (failures.empty()) return {};
  io.err(failures);
  return Status(Code::kUnknown, "failed to " + verb + " one or more entries");
}

/// What both commands do once the entries are known.
template <typename Request, typename Response>
Status send_and_print_entries(Admin& admin, const std::string& method, const std::string& verb,
                              const std::vector<types::Entry>& entries) {
  Status failed;
  const Response response =
      send_entries<Request, Response>(admin, method, "entries " + verb + "d", entries, failed);
  if (!failed.ok() && response.results_size() == 0) return failed;
  Status printed = admin.output.print(
      admin.io, response, [&] { return print_entry_results(admin.io, response, verb); });
  if (failed.ok()) return printed;
  return Status(failed.code(), failed.message() + " (after " +
                                   std::to_string(response.results_size()) + " of " +
                                   std::to_string(entries.size()) + " entries)");
}

}  // namespace signet::server::cli
