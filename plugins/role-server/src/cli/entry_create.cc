// entry create and entry update.
#include "cli/entry_batch.h"
#include "cli/entry_flags.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::entry::v1;
const std::string kService = "/spire.api.server.entry.v1.Entry/";

class CreateEntry final : public AdminCommand {
 public:
  const char* name() const override { return "entry create"; }
  void declare(FlagSet& flags) override {
    entry_.declare(flags, false);
    flags.boolean("node", &node_, "the entry is for nodes: its parent is the server");
  }

  Status run(Admin& admin) override {
    SIGNET_TRY(const auto entries,
               entry_.data.empty() ? from_flags() : load_entries(admin.io, entry_.data));
    return send_and_print_entries<v1::BatchCreateEntryRequest, v1::BatchCreateEntryResponse>(
        admin, kService + "BatchCreateEntry", "create", entries);
  }

 private:
  Result<std::vector<types::Entry>> from_flags() const {
    const auto refuse = [](const char* why) { return Status::invalid_argument(why); };
    if (entry_.selectors.empty()) return refuse("at least one selector is required");
    if (node_ && !entry_.federates_with.empty()) return refuse("node entries can not federate");
    if (entry_.parent_id.empty() && !node_)
      return refuse("a parent ID is required if the node flag is not set");
    if (entry_.spiffe_id.empty()) return refuse("a SPIFFE ID is required");
    SIGNET_RETURN_IF_ERROR(entry_.check_ttls());

    SIGNET_TRY(const types::SPIFFEID spiffe_id, parse_id(entry_.spiffe_id));
    types::SPIFFEID parent_id;
    if (node_) {
      parent_id.set_trust_domain(spiffe_id.trust_domain());
      parent_id.set_path("/spire/server");
    } else {
      SIGNET_TRY(parent_id, parse_id(entry_.parent_id));
    }
    SIGNET_TRY(types::Entry entry, entry_.entry());
    *entry.mutable_spiffe_id() = spiffe_id;
    *entry.mutable_parent_id() = parent_id;
    return std::vector<types::Entry>{std::move(entry)};
  }

  EntryFlags entry_;
  bool node_ = false;
};

class UpdateEntry final : public AdminCommand {
 public:
  const char* name() const override { return "entry update"; }
  void declare(FlagSet& flags) override { entry_.declare(flags, true); }

  Status run(Admin& admin) override {
    SIGNET_TRY(auto entries,
               entry_.data.empty() ? from_flags() : load_entries(admin.io, entry_.data));
    // An update replaces the attributes as a whole: those that were not named are fetched first.
    if (entry_.data.empty() && entries[0].has_additional_attributes())
      SIGNET_RETURN_IF_ERROR(keep_attributes(admin, entries[0]));
    return send_and_print_entries<v1::BatchUpdateEntryRequest, v1::BatchUpdateEntryResponse>(
        admin, kService + "BatchUpdateEntry", "update", entries);
  }

 private:
  Result<std::vector<types::Entry>> from_flags() const {
    const auto refuse = [](const char* why) { return Status::invalid_argument(why); };
    if (entry_.entry_id.empty()) return refuse("entry ID is required");
    if (entry_.selectors.empty()) return refuse("at least one selector is required");
    if (entry_.parent_id.empty()) return refuse("a parent ID is required");
    if (entry_.spiffe_id.empty()) return refuse("a SPIFFE ID is required");
    SIGNET_RETURN_IF_ERROR(entry_.check_ttls());

    SIGNET_TRY(types::SPIFFEID parent_id, parse_id(entry_.parent_id));
    SIGNET_TRY(types::SPIFFEID spiffe_id, parse_id(entry_.spiffe_id));
    SIGNET_TRY(types::Entry entry, entry_.entry());
    *entry.mutable_spiffe_id() = std::move(spiffe_id);
    *entry.mutable_parent_id() = std::move(parent_id);
    return std::vector<types::Entry>{std::move(entry)};
  }

  Status keep_attributes(Admin& admin, types::Entry& entry) const {
    v1::GetEntryRequest request;
    request.set_id(entry_.entry_id);
    const auto stored = admin.client.call<types::Entry>(kService + "GetEntry", request);
    if (!stored) {
      return stored.status().prefixed(
          "failed to fetch existing entry to merge additional attributes");
    }
    if (stored->has_additional_attributes())
      *entry.mutable_additional_attributes() = stored->additional_attributes();
    auto* attributes = entry.mutable_additional_attributes();
    if (entry_.disable_prefetch) attributes->set_disable_x509_svid_prefetch(true);
    if (entry_.include_jti) attributes->set_jwt_svid_include_jti(true);
    return {};
  }

  EntryFlags entry_;
};

}  // namespace

int create_entry(Context& context, const Args& args) {
  return run_admin<CreateEntry>(context, args);
}
int update_entry(Context& context, const Args& args) {
  return run_admin<UpdateEntry>(context, args);
}

}  // namespace signet::server::cli
