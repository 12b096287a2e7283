// healthcheck, token generate and leave.
#include "signet/server/v1/server.pb.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"
#include "grpc/health/v1/health.pb.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/types/jointoken.pb.h"

namespace signet::server::cli {
namespace {

namespace health = ::grpc::health::v1;
namespace agent = ::spire::api::server::agent::v1;

class Healthcheck final : public AdminCommand {
 public:
  const char* name() const override { return "healthcheck"; }
  bool has_output_flag() const override { return false; }
  void declare(FlagSet& flags) override {
    flags.boolean("shallow", &shallow_, "accepted for older scripts; changes nothing");
    flags.boolean("verbose", &verbose_, "say what is checked and why it failed");
  }

  Status run(Admin& admin) override {
    if (verbose_) admin.io.out("Checking server health...\n");
    const auto answer = admin.client.call<health::HealthCheckResponse>(
        "/grpc.health.v1.Health/Check", health::HealthCheckRequest());
    if (!answer) {
      if (verbose_) admin.io.err("Failed to check health: " + answer.status().message() + "\n");
      return Status::unavailable("server is unhealthy: unable to determine health");
    }
    if (verbose_) tell_freshness(admin);
    if (answer->status() != health::HealthCheckResponse::SERVING) {
      return Status::unavailable(
          "server is unhealthy: server returned status " +
          signet::cli::go_quote(health::HealthCheckResponse::ServingStatus_Name(answer->status())));
    }
    admin.io.out("Server is healthy.\n");
    return {};
  }

 private:
  // Nothing while all is well: then the peer has nothing to say either. An older server does not
  // know the question.
  static void tell_freshness(Admin& admin) {
    const auto fresh = admin.client.call<v1::GetFreshnessResponse>(
        "/signet.server.v1.Server/GetFreshness", v1::GetFreshnessRequest());
    if (!fresh || fresh->live()) return;
    admin.io.out(std::string("The datastore is ") + (fresh->away() ? "away" : "slow") +
                 ". What this server knows is " + std::to_string(fresh->memory_age_seconds()) +
                 " s old; agents are served from it for up to " +
                 std::to_string(fresh->offline_issuance_seconds()) + " s.\n");
  }

  bool shallow_ = false;
  bool verbose_ = false;
};

class GenerateToken final : public AdminCommand {
 public:
  const char* name() const override { return "generate"; }
  void declare(FlagSet& flags) override {
    flags.integer("ttl", &ttl_, "how long the token can be used, in seconds");
    flags.text("spiffeID", &spiffe_id_,
               "a further SPIFFE ID for the agent that uses the token, for entries to name as "
               "parent");
  }

  Status run(Admin& admin) override {
    agent::CreateJoinTokenRequest request;
    if (!spiffe_id_.empty()) {
      SIGNET_TRY(*request.mutable_agent_id(), parse_id(spiffe_id_));
    }
    const auto ttl = signet::cli::to_int32(ttl_);
    if (!ttl) return ttl.status().prefixed("invalid value for TTL");
    request.set_ttl(*ttl);
    SIGNET_TRY(const auto token, admin.client.call<types::JoinToken>(
                                     "/spire.api.server.agent.v1.Agent/CreateJoinToken", request));
    return admin.output.print(admin.io, token, [&] {
      admin.io.out("Token: " + token.value() + "\n");
      if (spiffe_id_.empty()) admin.io.out("Warning: Missing SPIFFE ID.\n");
      return Status();
    });
  }

 private:
  std::int64_t ttl_ = 600;
  std::string spiffe_id_;
};

class Leave final : public AdminCommand {
 public:
  const char* name() const override { return "leave"; }
  void declare(FlagSet&) override {}
  Status run(Admin& admin) override {
    const auto answer =
        admin.client.call<v1::LeaveResponse>("/signet.server.v1.Server/Leave", v1::LeaveRequest());
    if (!answer) return answer.status().prefixed("could not leave the trust domain");
    return admin.output.print(admin.io, *answer, [&] {
      admin.io.out("This server signs no more and serves no agents. It can be stopped now.\n");
      return Status();
    });
  }
};

}  // namespace

int leave_trust_domain(Context& context, const Args& args) {
  return run_admin<Leave>(context, args);
}
int healthcheck(Context& context, const Args& args) {
  return run_admin<Healthcheck>(context, args);
}
int generate_token(Context& context, const Args& args) {
  return run_admin<GenerateToken>(context, args);
}

}  // namespace signet::server::cli
