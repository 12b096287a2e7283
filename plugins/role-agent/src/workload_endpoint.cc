#include "workload_endpoint.h"

#include <array>

#include "proto/reflection.h"
#include "sds_service.h"
#include "workload_service.h"

namespace signet::agent {
namespace {

constexpr std::string_view kWorkloadPrefix = "/SpiffeWorkloadAPI/";
constexpr std::string_view kOptions = R"({"socket_mode":"0777","folder_mode":"0755"})";

// Workload Endpoint 5: a browser or an unwitting proxy cannot set this header.
Status check_security_header(const ServerCall& call) {
  if (!std::string_view(call.method()).starts_with(kWorkloadPrefix)) return {};
  const std::vector<std::string> values = call.metadata("workload.spiffe.io");
  if (values.size() == 1 && values.front() == "true") return {};
  return Status::invalid_argument("security header missing from request");
}

void reflect(const std::shared_ptr<ServerCall>& call, std::string_view first,
             proto::ReflectionVersion version,
             std::shared_ptr<const std::vector<std::string>> services) {
  ServerCall* const raw = call.get();
  const auto answer = [raw, version, services = std::move(services)](std::string_view request) {
    const Result<std::string> response = proto::answer_reflection(version, *services, request);
    if (!response) {
      raw->finish(response.status());
      return;
    }
    if (Status sent = raw->send(raw->host().blob(*response)); !sent.ok()) raw->finish(sent);
    raw->read();
  };
  call->on_message = answer;
  call->on_half_close = [raw] { raw->finish({}); };
  answer(first);
}

}  // namespace

WorkloadEndpoint::WorkloadEndpoint(Host host, WorkloadOptions options, IdentityTable& table,
                                   JwtSource& jwt, Hold& hold, std::function<bool()> ready)
    : host_(std::move(host)),
      options_(std::move(options)),
      hold_(hold),
      attestor_(host_),
      limits_(options_.call_rates, options_.own_pid) {
  service_ = std::make_unique<WorkloadService>(host_, options_, attestor_, limits_, table, jwt,
                                               hold_, std::move(ready));
  sds_ = std::make_unique<SdsService>(
      host_, options_,
      [this](const std::shared_ptr<ServerCall>& call, SdsService::Serve serve) {
        service_->with_limit(call, std::move(serve));
      },
      table, hold_);
}

WorkloadEndpoint::~WorkloadEndpoint() { stop(std::chrono::seconds(0)); }

Status WorkloadEndpoint::start() {
  SIGNET_RETURN_IF_ERROR(attestor_.start());
  hold_.start();
  SIGNET_TRY(listener_,
             RpcListener::create(host_, "unix:" + options_.socket_path, kOptions, nullptr));
  listener_->authorize(check_security_header);
  SIGNET_RETURN_IF_ERROR(register_services());
  SIGNET_RETURN_IF_ERROR(listener_->serve());
  host_.info("Starting Workload and SDS APIs",
             {{"address", options_.socket_path}, {"network", "unix"}});
  return {};
}

void WorkloadEndpoint::stop(std::chrono::nanoseconds drain) {
  if (!listener_) return;
  hold_.stop();
  attestor_.stop();
  service_->end_streams();
  sds_->end_streams();
  (void)listener_->close(drain);
  listener_.reset();
}

Status WorkloadEndpoint::register_services() {
  auto services = std::make_shared<std::vector<std::string>>();
  if (!options_.disabled) {
    services->emplace_back("SpiffeWorkloadAPI");
    SIGNET_RETURN_IF_ERROR(service_->register_methods(*listener_));
  }
  if (!options_.sds_disabled) {
    services->emplace_back(SdsService::kName);
    SIGNET_RETURN_IF_ERROR(sds_->register_methods(*listener_));
  }
  services->emplace_back("grpc.health.v1.Health");
  SIGNET_RETURN_IF_ERROR(service_->register_health(*listener_));
  for (const auto version : {proto::ReflectionVersion::kV1, proto::ReflectionVersion::kV1Alpha}) {
    const std::string method(proto::reflection_method(version));
    services->push_back(method.substr(1, method.rfind('/') - 1));
    SIGNET_RETURN_IF_ERROR(listener_->handle(
        method,
        [version, services](const std::shared_ptr<ServerCall>& call, std::string_view first) {
          reflect(call, first, version, services);
        },
        SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM));
  }
  return {};
}

}  // namespace signet::agent
