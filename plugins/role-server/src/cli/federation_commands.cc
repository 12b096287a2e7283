// The federation commands.
#include "signet/server/v1/server.pb.h"

#include "cli/admin_command.h"
#include "cli/federation_data.h"
#include "cli/go_text.h"
#include "google/protobuf/empty.pb.h"
#include "spire/api/server/trustdomain/v1/trustdomain.pb.h"
#include "spire/api/types/status.pb.h"
#include "x509/bundle_json.h"

namespace signet::server::cli {
namespace {

namespace v1 = ::spire::api::server::trustdomain::v1;
using Relationship = types::FederationRelationship;
const std::string kService = "/spire.api.server.trustdomain.v1.TrustDomain/";

std::string relationship_text(const Relationship& relationship) {
  std::string text = "Trust domain              : " + relationship.trust_domain() +
                     "\nBundle endpoint URL       : " + relationship.bundle_endpoint_url() + "\n";
  if (relationship.has_https_web()) text += "Bundle endpoint profile   : https_web\n";
  if (relationship.has_https_spiffe()) {
    text += "Bundle endpoint profile   : https_spiffe\nEndpoint SPIFFE ID        : " +
            relationship.https_spiffe().endpoint_spiffe_id() + "\n";
  }
  return text;
}

// What create and update have in common.
template <typename Request, typename Response>
class WriteRelationships : public AdminCommand {
 public:
  explicit WriteRelationships(const char* verb) : verb_(verb), name_("federation " + verb_) {}
  const char* name() const override { return name_.c_str(); }
  void declare(FlagSet& flags) override {
    flags.text("data", &data_, "JSON file with relationships, - for standard input");
    flags.text("trustDomain", &words_.trust_domain, "name of the foreign trust domain");
    flags.text("bundleEndpointURL", &words_.url, "https URL of its bundle endpoint");
    flags.text("bundleEndpointProfile", &words_.profile, "https_web or https_spiffe");
    flags.text("endpointSpiffeID", &words_.endpoint_id,
               "SPIFFE ID that the endpoint shows; for https_spiffe");
    flags.text("trustDomainBundlePath", &path_, "file with the trust domain's bundle as it is now");
    flags.text("trustDomainBundleFormat", &words_.bundle_format, "its format: pem or spiffe");
  }
  Status run(Admin& admin) override {
    SIGNET_TRY(const auto relationships,
               data_.empty() ? from_flags(admin.io) : from_file(admin.io));
    Request request;
    for (const Relationship& relationship : relationships) {
      *request.add_federation_relationships() = relationship;
    }
    const auto answer = admin.client.call<Response>(
        kService + (verb_ == "create" ? "BatchCreate" : "BatchUpdate") + "FederationRelationship",
        request);
    if (!answer) return answer.status().prefixed("request failed");
    return admin.output.print(admin.io, *answer,
                              [&] { return print(admin.io, *answer, relationships); });
  }

 private:
  using Relationships = std::vector<Relationship>;

  Result<Relationships> from_file(const Io& io) const {
    if (!words_.trust_domain.empty() || !words_.url.empty() || !words_.profile.empty() ||
        !words_.endpoint_id.empty() || !path_.empty() || words_.bundle_format != "pem") {
      return Status::invalid_argument(
          "cannot use other flags to specify relationship fields when 'data' flag is set");
    }
    SIGNET_TRY(const std::string text,
               signet::cli::read_file_or_in(io, data_, x509::kMaxBundleJsonBytes));
    return read_relationships(text);
  }
  Result<Relationships> from_flags(const Io& io) {
    if (!path_.empty()) {
      SIGNET_RETURN_IF_ERROR(to_relationship(words_, "").status());
      auto text =
          signet::cli::read_file_or_in(io, path_ == "-" ? "./-" : path_, x509::kMaxBundleJsonBytes);
      if (!text) return text.status().prefixed("cannot read bundle file");
      words_.bundle = *std::move(text);
      words_.has_bundle = true;
    }
    SIGNET_TRY(Relationship relationship, to_relationship(words_, "cannot parse bundle file"));
    return Relationships{std::move(relationship)};
  }

  Status print(Io& io, const Response& answer, const Relationships& sent) const {
    if (answer.results_size() > static_cast<int>(sent.size())) {
      return Status::internal("the server gave more results than it was asked for");
    }
    for (const auto& result : answer.results()) {
      if (result.status().code() == 0)
        io.out("\n" + relationship_text(result.federation_relationship()));
    }
    std::string failures;
    for (int n = 0; n < answer.results_size(); ++n) {
      const auto& status = answer.results(n).status();
      if (status.code() == 0) continue;
      io.out("\n");
      failures += "Failed to " + verb_ + " the following federation relationship (code: " +
                  signet::cli::go_code_name(status.code()) +
                  ", msg: " + signet::cli::go_quote(status.message()) + "):\n" +
                  relationship_text(sent[static_cast<std::size_t>(n)]);
    }
    if (failures.empty()) return {};
    io.err(failures);
    return Status(Code::kUnknown, "failed to " + verb_ + " one or more federation relationships");
  }

  const std::string verb_, name_;
  std::string data_, path_;
  RelationshipWords words_{.bundle_format = "pem"};
};

class CreateFederation final
    : public WriteRelationships<v1::BatchCreateFederationRelationshipRequest,
                                v1::BatchCreateFederationRelationshipResponse> {
 public:
  CreateFederation() : WriteRelationships("create") {}
};
class UpdateFederation final
    : public WriteRelationships<v1::BatchUpdateFederationRelationshipRequest,
                                v1::BatchUpdateFederationRelationshipResponse> {
 public:
  UpdateFederation() : WriteRelationships("update") {}
};

class ShowFederation final : public AdminCommand {
 public:
  const char* name() const override { return "federation show"; }
  void declare(FlagSet& flags) override {
    flags.text("trustDomain", &trust_domain_, "name of the foreign trust domain");
  }
  Status run(Admin& admin) override {
    if (trust_domain_.empty()) return Status::invalid_argument("a trust domain name is required");
    v1::GetFederationRelationshipRequest request;
    request.set_trust_domain(trust_domain_);
    const auto answer =
        admin.client.call<Relationship>(kService + "GetFederationRelationship", request);
    if (!answer) return answer.status().prefixed("error showing federation relationship");
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out("Found a federation relationship with trust domain " + trust_domain_ + ":\n\n" +
                   relationship_text(*answer));
      return Status();
    });
  }

 private:
  std::string trust_domain_;
};

class ListFederation final : public AdminCommand {
 public:
  const char* name() const override { return "federation list"; }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    const auto answer = admin.client.call<v1::ListFederationRelationshipsResponse>(
        kService + "ListFederationRelationships", v1::ListFederationRelationshipsRequest());
    if (!answer) return answer.status().prefixed("error listing federation relationship");
    return admin.output.print(admin.io, *answer, [&] {
      const auto count = static_cast<std::size_t>(answer->federation_relationships_size());
      admin.io.out(
          "Found " +
          signet::cli::counted(count, "federation relationship", "federation relationships") +
          "\n");
      for (const Relationship& relationship : answer->federation_relationships()) {
        admin.io.out("\n" + relationship_text(relationship));
      }
      return Status();
    });
  }
};

class DeleteFederation final : public AdminCommand {
 public:
  const char* name() const override { return "federation delete"; }
  void declare(FlagSet& flags) override { flags.text("id", &id_, "the foreign trust domain"); }
  Status run(Admin& admin) override {
    if (id_.empty()) return Status::invalid_argument("id is required");
    v1::BatchDeleteFederationRelationshipRequest request;
    request.add_trust_domains(id_);
    const auto answer = admin.client.call<v1::BatchDeleteFederationRelationshipResponse>(
        kService + "BatchDeleteFederationRelationship", request);
    if (!answer) return answer.status().prefixed("failed to delete federation relationship");
    return admin.output.print(admin.io, *answer, [&]() -> Status {
      if (answer->results().empty()) return Status::internal("the server gave no result");
      const auto& result = answer->results(0);
      if (result.status().code() != 0) {
        return Status(Code::kUnknown, "failed to delete federation relationship " +
                                          signet::cli::go_quote(result.trust_domain()) + ": " +
                                          result.status().message());
      }
      admin.io.out("federation relationship deleted.\n");
      return {};
    });
  }

 private:
  std::string id_;
};

class RefreshFederation final : public AdminCommand {
 public:
  const char* name() const override { return "federation refresh"; }
  void declare(FlagSet& flags) override { flags.text("id", &id_, "the foreign trust domain"); }
  Status run(Admin& admin) override {
    if (id_.empty()) return Status::invalid_argument("id is required");
    v1::RefreshBundleRequest request;
    request.set_trust_domain(id_);
    const auto answer =
        admin.client.call<google::protobuf::Empty>(kService + "RefreshBundle", request);
    if (answer.status().code() == Code::kNotFound) {
      return Status::not_found("there is no federation relationship with trust domain " +
                               signet::cli::go_quote(id_));
    }
    if (!answer) return answer.status().prefixed("failed to refresh bundle");
    types::Status done;
    done.set_message("OK");
    return admin.output.print(admin.io, done, [&] {
      admin.io.out("Bundle refreshed\n");
      return Status();
    });
  }

 private:
  std::string id_;
};

// Ours: what the peer tells nobody.
class FederationStatus final : public AdminCommand {
 public:
  const char* name() const override { return "federation status"; }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    const auto answer = admin.client.call<server::v1::GetFederationResponse>(
        "/signet.server.v1.Server/GetFederation", server::v1::GetFederationRequest());
    if (!answer) return answer.status().prefixed("could not get the state of the federation");
    return admin.output.print(admin.io, *answer, [&] {
      const auto count = static_cast<std::size_t>(answer->peers_size());
      admin.io.out(
          "Found " +
          signet::cli::counted(count, "federated trust domain", "federated trust domains") + "\n");
      for (const auto& peer : answer->peers()) admin.io.out("\n" + text(peer));
      return Status();
    });
  }

 private:
  static std::string text(const server::v1::FederatedPeer& peer) {
    std::string text =
        "Trust domain              : " + peer.trust_domain() +
        "\nBundle endpoint URL       : " + peer.bundle_endpoint_url() +
        "\nRelationship              : " +
        (peer.configured() ? "of the configuration" : "of the API") +
        "\nBundle                    : " + (peer.has_bundle() ? "known" : "none yet") +
        "\nLast good answer          : " +
        (peer.fetched_at() == 0 ? std::string("none since this server started")
                                : std::to_string(peer.age_seconds()) + " s ago") +
        "\n";
    if (peer.failures() != 0) {
      text += "Failures since            : " + std::to_string(peer.failures()) +
              "\nLast failure              : " + peer.error() + "\n";
    }
    return text;
  }
};

}  // namespace

int create_federation(Context& context, const Args& args) {
  return run_admin<CreateFederation>(context, args);
}
int update_federation(Context& context, const Args& args) {
  return run_admin<UpdateFederation>(context, args);
}
int show_federation(Context& context, const Args& args) {
  return run_admin<ShowFederation>(context, args);
}
int list_federation(Context& context, const Args& args) {
  return run_admin<ListFederation>(context, args);
}
int delete_federation(Context& context, const Args& args) {
  return run_admin<DeleteFederation>(context, args);
}
int refresh_federation(Context& context, const Args& args) {
  return run_admin<RefreshFederation>(context, args);
}
int show_federation_status(Context& context, const Args& args) {
  return run_admin<FederationStatus>(context, args);
}

}  // namespace signet::server::cli
