// api fetch jwt and api validate jwt.
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/workload_command.h"
#include "spiffe/workload/workload.pb.h"

namespace signet::agent::cli {
namespace {

class FetchJwtSvid final : public WorkloadCommand {
 public:
  const char* name() const override { return "fetch jwt"; }
  void declare(FlagSet& flags, Output& output) override {
    flags.custom(
        "audience",
        [this](std::string_view value) {
          audience_.clear();
          for (std::size_t comma = 0; comma != std::string_view::npos;) {
            comma = value.find(',');
            audience_.emplace_back(value.substr(0, comma));
            if (comma != std::string_view::npos) value.remove_prefix(comma + 1);
          }
          return Status();
        },
        "whom the token is for; several with commas between");
    flags.text("spiffeID", &spiffe_id_, "only the token for this SPIFFE ID");
    output.declare(flags);
    output.declare(flags, "format");
  }

  Status run(Workload& workload) override {
    if (audience_.empty()) return Status::invalid_argument("audience must be specified");
    const auto bundles = workload.first<::JWTBundlesResponse>("/SpiffeWorkloadAPI/FetchJWTBundles",
                                                              ::JWTBundlesRequest());
    if (!bundles) {
      // The peer says so when it finds nobody to talk to, but not when the agent refuses.
      const bool nobody =
          bundles.status().message().find("desc = connection error:") != std::string::npos;
      return nobody ? bundles.status().prefixed("failed to receive JWT bundles") : bundles.status();
    }
    ::JWTSVIDRequest request;
    for (const std::string& audience : audience_) request.add_audience(audience);
    request.set_spiffe_id(spiffe_id_);
    SIGNET_TRY(const auto svids,
               workload.call<::JWTSVIDResponse>("/SpiffeWorkloadAPI/FetchJWTSVID", request));
    return workload.output.print(workload.io, {&svids, &*bundles}, [&] {
      print(workload.io, svids, *bundles);
      return Status();
    });
  }

 private:
  static void print(Io& io, const ::JWTSVIDResponse& svids, const ::JWTBundlesResponse& bundles) {
    for (const auto& svid : svids.svids()) {
      io.out("token(" + svid.spiffe_id() + "):\n\t" + svid.svid() + "\n");
      if (!svid.hint().empty()) io.out("hint(" + svid.spiffe_id() + "):\n\t" + svid.hint() + "\n");
    }
    const std::map<std::string, std::string> sorted(bundles.bundles().begin(),
                                                    bundles.bundles().end());
    for (const auto& [domain, jwks] : sorted) io.out("bundle(" + domain + "):\n\t" + jwks + "\n");
  }

  std::vector<std::string> audience_;
  std::string spiffe_id_;
};

nlohmann::json to_json(const ::google::protobuf::Value& value) {
  using Kind = ::google::protobuf::Value;
  switch (value.kind_case()) {
    case Kind::kNumberValue: {
      constexpr double kExact = 9007199254740992;  // 2^53
      const double number = value.number_value();
      if (std::trunc(number) == number && std::abs(number) <= kExact)
        return static_cast<std::int64_t>(number);
      return number;
    }
    case Kind::kStringValue:
      return value.string_value();
    case Kind::kBoolValue:
      return value.bool_value();
    case Kind::kStructValue: {
      auto object = nlohmann::json::object();
      for (const auto& [key, item] : value.struct_value().fields()) object[key] = to_json(item);
      return object;
    }
    case Kind::kListValue: {
      auto list = nlohmann::json::array();
      for (const auto& item : value.list_value().values()) list.push_back(to_json(item));
      return list;
    }
    default:
      return nullptr;
  }
}

class ValidateJwtSvid final : public WorkloadCommand {
 public:
  const char* name() const override { return "validate jwt"; }
  void declare(FlagSet& flags, Output& output) override {
    flags.text("audience", &audience_, "whom the token must be for");
    flags.text("svid", &svid_, "the token");
    output.declare(flags);
  }

  Status run(Workload& workload) override {
    if (audience_.empty()) return Status::invalid_argument("audience must be specified");
    if (svid_.empty()) return Status::invalid_argument("svid must be specified");
    ::ValidateJWTSVIDRequest request;
    request.set_audience(audience_);
    request.set_svid(svid_);
    auto answer = workload.client.connection().call<::ValidateJWTSVIDResponse>(
        "/SpiffeWorkloadAPI/ValidateJWTSVID", request, workload.client.deadline(workload.timeout),
        workload_headers());
    if (!answer) return explain(workload, answer.status());
    return workload.output.print(workload.io, *answer, [&] {
      ::google::protobuf::Value claims;
      *claims.mutable_struct_value() = answer->claims();
      workload.io.out(
          "SVID is valid.\nSPIFFE ID : " + answer->spiffe_id() + "\nClaims    : " +
          to_json(claims).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
      return Status();
    });
  }

 private:
  // What is wrong with the token is for people; anything else is the call's failure.
  static Status explain(const Workload& workload, const Status& status) {
    if (status.code() == Code::kInvalidArgument) return status.prefixed("SVID is not valid");
    return workload.client.error(status).prefixed("unable to validate JWT SVID");
  }
  std::string audience_, svid_;
};

}  // namespace

int fetch_jwt_svid(Context& context, const Args& args) {
  return run_workload<FetchJwtSvid>(context, args);
}
int validate_jwt_svid(Context& context, const Args& args) {
  return run_workload<ValidateJwtSvid>(context, args);
}

}  // namespace signet::agent::cli
