#include "cli/admin_command.h"
#include "cli/entry_data.h"
#include "cli/go_text.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::entry::v1;
constexpr std::size_t kBatchIds = 5000;

class DeleteEntry final : public AdminCommand {
 public:
  const char* name() const override { return "entry delete"; }
  void declare(FlagSet& flags) override {
    flags.text("entryID", &entry_id_, "ID of the entry");
    flags.text("file", &file_, "JSON file {\"ids\": [...]}, or - for standard input");
  }

  Status run(Admin& admin) override {
    std::vector<std::string> ids;
    if (!file_.empty()) {
      SIGNET_TRY(const std::string text,
                 signet::cli::read_file_or_in(admin.io, file_, kMaxDataBytes));
      SIGNET_TRY(ids, read_entry_ids(text));
    } else if (entry_id_.empty()) {
      return Status::invalid_argument("an entry ID is required");
    } else {
      ids.push_back(entry_id_);
    }
    v1::BatchDeleteEntryResponse done;
    Status sent = send(admin, ids, done);
    if (!sent.ok() && done.results_size() == 0) return sent;
    const Status printed =
        admin.output.print(admin.io, done, [&] { return print(admin.io, done); });
    return sent.ok() ? printed : sent;
  }

 private:
  static Status send(Admin& admin, const std::vector<std::string>& ids,
                     v1::BatchDeleteEntryResponse& done) {
    signet::cli::Progress progress(admin.io, "entries deleted", ids.size());
    std::size_t next = 0;
    do {
      v1::BatchDeleteEntryRequest request;
      for (std::size_t n = 0; n < kBatchIds && next < ids.size(); ++n) request.add_ids(ids[next++]);
      SIGNET_TRY(const auto answer, admin.client.call<v1::BatchDeleteEntryResponse>(
                                        "/spire.api.server.entry.v1.Entry/BatchDeleteEntry",
                                        request, signet::cli::kBatchTime));
      done.MergeFrom(answer);
      if (next < ids.size()) progress.at(next);
    } while (next < ids.size());
    return {};
  }

  static Status print(Io& io, const v1::BatchDeleteEntryResponse& done) {
    std::size_t deleted = 0, failed = 0;
    std::string failures;
    for (const auto& result : done.results()) {
      if (result.status().code() == 0) {
        ++deleted;
        io.out("Deleted entry with ID: " + result.id() + "\n");
        continue;
      }
      ++failed;
      failures += "Failed to delete entry with ID " + result.id() +
                  " (code: " + signet::cli::go_code_name(result.status().code()) +
                  ", msg: " + signet::cli::go_quote(result.status().message()) + ")\n";
    }
    if (deleted > 0) io.out("\n\n");
    io.err(failures);
    if (failed == 0) {
      io.out("Deleted " + std::to_string(deleted) + " entries successfully");
      return {};
    }
    io.out("\n\n");
    io.out(deleted == 0 ? "Failed to delete " + std::to_string(failed) + " entries"
                        : "Deleted " + std::to_string(deleted) +
                              " entries successfully, but failed to delete " +
                              std::to_string(failed) + " entries");
    return Status(Code::kUnknown, "failed to delete one or more entries");
  }

  std::string entry_id_, file_;
};

}  // namespace

int delete_entry(Context& context, const Args& args) {
  return run_admin<DeleteEntry>(context, args);
}

}  // namespace signet::server::cli
