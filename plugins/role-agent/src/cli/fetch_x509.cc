#include "cli/workload_command.h"
#include "cli/write_file.h"
#include "cli/x509_answer.h"
#include "x509/pem.h"

namespace signet::agent::cli {
namespace {

class FetchX509Svid final : public WorkloadCommand {
 public:
  const char* name() const override { return "fetch x509"; }
  void declare(FlagSet& flags, Output& output) override {
    flags.boolean("silent", &silent_, "print nothing but the names of files written");
    flags.text("write", &folder_, "folder for SVIDs, keys and bundles; only for -output pretty");
    output.declare(flags);
  }

  Status run(Workload& workload) override {
    const auto begin = std::chrono::steady_clock::now();
    SIGNET_TRY(auto response,
               workload.first<::X509SVIDResponse>(kFetchX509Svid, ::X509SVIDRequest()));
    const auto took = std::chrono::steady_clock::now() - begin;
    Status status = workload.output.print(workload.io, response,
                                          [&] { return print(workload.io, response, took); });
    for (auto& svid : *response.mutable_svids()) crypto::wipe(*svid.mutable_x509_svid_key());
    return status;
  }

 private:
  Status print(Io& io, const ::X509SVIDResponse& response, std::chrono::nanoseconds took) const {
    SIGNET_TRY(const X509Answer answer, read_x509_answer(response));
    SIGNET_RETURN_IF_ERROR(verify(answer));
    if (!silent_) io.out(x509_answer_text(answer, took));
    return folder_.empty() ? Status() : write(io, answer);
  }

  Status write(Io& io, const X509Answer& answer) const {
    const auto put = [&](const std::string& what, const std::string& file, std::string_view content,
                         unsigned mode) {
      const std::string path = signet::cli::join_path(folder_, file);
      io.out("Writing " + what + " to file " + path + ".\n");
      return signet::cli::write_file(path, content, mode);
    };
    for (std::size_t i = 0; i < answer.identities.size(); ++i) {
      const X509Identity& identity = answer.identities[i];
      const std::string n = std::to_string(i);
      SIGNET_RETURN_IF_ERROR(put("SVID #" + n, "svid." + n + ".pem",
                                 x509::write_pem(identity.chain), signet::cli::kPublicMode));
      SIGNET_RETURN_IF_ERROR(put("key #" + n, "svid." + n + ".key", identity.key.to_pem().text(),
                                 signet::cli::kPrivateMode));
      SIGNET_RETURN_IF_ERROR(put("bundle #" + n, "bundle." + n + ".pem",
                                 x509::write_pem(identity.bundle), signet::cli::kPublicMode));
      std::size_t j = 0;
      for (const auto& [domain, bundle] : answer.federated) {
        const std::string m = std::to_string(j++);
        SIGNET_RETURN_IF_ERROR(put("federated bundle #" + m + " for trust domain " + domain,
                                   "federated_bundle." + n + "." + m + ".pem",
                                   x509::write_pem(bundle), signet::cli::kPublicMode));
      }
    }
    return {};
  }

  bool silent_ = false;
  std::string folder_;
};

}  // namespace

int fetch_x509_svid(Context& context, const Args& args) {
  return run_workload<FetchX509Svid>(context, args);
}

}  // namespace signet::agent::cli
