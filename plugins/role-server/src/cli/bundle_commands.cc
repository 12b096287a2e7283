#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "cli/print_bundle.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "x509/bundle_json.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::bundle::v1;
const std::string kService = "/spire.api.server.bundle.v1.Bundle/";

class ShowBundle final : public AdminCommand {
 public:
  const char* name() const override { return "bundle show"; }
  void declare(FlagSet& flags) override {
    flags.text("format", &format_, "pem or spiffe; only for -output pretty");
  }
  Status run(Admin& admin) override {
    SIGNET_TRY(const auto bundle,
               admin.client.call<types::Bundle>(kService + "GetBundle", v1::GetBundleRequest()));
    return admin.output.print(admin.io, bundle, [&]() -> Status {
      SIGNET_TRY(const std::string text, bundle_text(bundle, format_, false));
      admin.io.out(text);
      return {};
    });
  }

 private:
  std::string format_ = "pem";
};

class ListBundles final : public AdminCommand {
 public:
  const char* name() const override { return "bundle list"; }
  void declare(FlagSet& flags) override {
    flags.text("id", &id_, "only the bundle of this trust domain");
    flags.text("format", &format_, "pem or spiffe; only for -output pretty");
  }
  Status run(Admin& admin) override {
    if (!id_.empty()) return one(admin);
    SIGNET_TRY(const auto list,
               admin.client.call<v1::ListFederatedBundlesResponse>(
                   kService + "ListFederatedBundles", v1::ListFederatedBundlesRequest()));
    return admin.output.print(admin.io, list, [&]() -> Status {
      for (int i = 0; i < list.bundles_size(); ++i) {
        SIGNET_TRY(const std::string text, bundle_text(list.bundles(i), format_, true));
        admin.io.out((i == 0 ? "" : "\n") + text);
      }
      return {};
    });
  }

 private:
  Status one(Admin& admin) const {
    v1::GetFederatedBundleRequest request;
    request.set_trust_domain(id_);
    SIGNET_TRY(const auto bundle,
               admin.client.call<types::Bundle>(kService + "GetFederatedBundle", request));
    return admin.output.print(admin.io, bundle, [&]() -> Status {
      SIGNET_TRY(const std::string text, bundle_text(bundle, format_, false));
      admin.io.out(text);
      return {};
    });
  }
  std::string id_, format_ = "pem";
};

class CountBundles final : public AdminCommand {
 public:
  const char* name() const override { return "bundle count"; }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    SIGNET_TRY(const auto answer, admin.client.call<v1::CountBundlesResponse>(
                                      kService + "CountBundles", v1::CountBundlesRequest()));
    return admin.output.print(admin.io, answer, [&] {
      const auto count = static_cast<std::size_t>(answer.count());
      admin.io.out(signet::cli::counted(count, "bundle", "bundles") + "\n");
      return Status();
    });
  }
};

class SetBundle final : public AdminCommand {
 public:
  const char* name() const override { return "bundle set"; }
  void declare(FlagSet& flags) override {
    flags.text("id", &id_, "the trust domain");
    flags.text("path", &path_, "file with the bundle (default: standard input)");
    flags.text("format", &format_, "what the file holds: pem or spiffe");
  }
  Status run(Admin& admin) override {
    if (id_.empty()) return Status::invalid_argument("id flag is required");
    SIGNET_TRY(const std::string format, bundle_format(format_));
    const auto text = signet::cli::read_file_or_in(admin.io, path_.empty() ? "-" : path_,
                                                   x509::kMaxBundleJsonBytes);
    if (!text) return text.status().prefixed("unable to load bundle data");
    v1::BatchSetFederatedBundleRequest request;
    SIGNET_TRY(*request.add_bundle(), read_bundle(*text, format, id_));
    const auto answer = admin.client.call<v1::BatchSetFederatedBundleResponse>(
        kService + "BatchSetFederatedBundle", request);
    if (!answer) return answer.status().prefixed("failed to set federated bundle");
    return admin.output.print(admin.io, *answer, [&]() -> Status {
      if (answer->results().empty()) return Status::internal("the server gave no result");
      const auto& status = answer->results(0).status();
      if (status.code() != 0)
        return Status(Code::kUnknown, "failed to set federated bundle: " + status.message());
      admin.io.out("bundle set.\n");
      return {};
    });
  }

 private:
  std::string id_, path_, format_ = "pem";
};

class DeleteBundle final : public AdminCommand {
 public:
  const char* name() const override { return "bundle delete"; }
  void declare(FlagSet& flags) override {
    flags.text("id", &id_, "the trust domain");
    flags.text("mode", &mode_,
               "what happens to entries that federate with it: restrict refuses the deletion, "
               "delete deletes them too, dissociate keeps them without it");
  }
  Status run(Admin& admin) override {
    if (id_.empty()) return Status::invalid_argument("id is required");
    v1::BatchDeleteFederatedBundleRequest request;
    if (mode_ == "dissociate") {
      request.set_mode(v1::BatchDeleteFederatedBundleRequest::DISSOCIATE);
    } else if (mode_ == "delete") {
      request.set_mode(v1::BatchDeleteFederatedBundleRequest::DELETE);
    } else if (!mode_.empty() && mode_ != "restrict") {
      return Status::invalid_argument("unsupported mode " + signet::cli::go_quote(mode_));
    }
    request.add_trust_domains(id_);
    const auto answer = admin.client.call<v1::BatchDeleteFederatedBundleResponse>(
        kService + "BatchDeleteFederatedBundle", request);
    if (!answer) return answer.status().prefixed("failed to delete federated bundle");
    return admin.output.print(admin.io, *answer, [&]() -> Status {
      if (answer->results().empty()) return Status::internal("the server gave no result");
      const auto& result = answer->results(0);
      if (result.status().code() != 0) {
        return Status(Code::kUnknown, "failed to delete federated bundle " +
                                          signet::cli::go_quote(result.trust_domain()) + ": " +
                                          result.status().message());
      }
      admin.io.out("bundle deleted.\n");
      return {};
    });
  }

 private:
  std::string id_, mode_ = "restrict";
};

}  // namespace

int show_bundle(Context& context, const Args& args) { return run_admin<ShowBundle>(context, args); }
int list_bundles(Context& context, const Args& args) {
  return run_admin<ListBundles>(context, args);
}
int count_bundles(Context& context, const Args& args) {
  return run_admin<CountBundles>(context, args);
}
int set_bundle(Context& context, const Args& args) { return run_admin<SetBundle>(context, args); }
int delete_bundle(Context& context, const Args& args) {
  return run_admin<DeleteBundle>(context, args);
}

}  // namespace signet::server::cli
