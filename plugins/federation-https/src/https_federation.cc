#include "https_federation.h"

#include <algorithm>

#include "http/get.h"
#include "http/url.h"
#include "peer_check.h"

namespace signet::https_federation {
namespace {

constexpr std::chrono::seconds kMostTime{10};

}  // namespace

const void* HttpsFederation::service(std::string_view id) {
  if (id == SIGNET_BUNDLE_SOURCE) return bundle_source_table<HttpsFederation>();
  if (id == SIGNET_BUNDLE_ENDPOINT) return bundle_endpoint_table<HttpsFederation>();
  return nullptr;
}

Status HttpsFederation::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status HttpsFederation::configure(Call&, std::string_view json) {
  SIGNET_TRY(Config config, Config::parse(json));
  config_ = std::move(config);
  return {};
}

Status HttpsFederation::start(Call&) {
  stopping_ = false;
  return {};
}

Status HttpsFederation::drain(Call&) {
  stopping_ = true;
  end(SIGNET_UNAVAILABLE);
  return {};
}

Status HttpsFederation::stop(Call& call) { return drain(call); }

Result<std::string> HttpsFederation::fetch(const BundleFetch& fetch, std::int64_t deadline_ns,
                                           const std::function<bool()>& cancelled) {
  if (const Status good = http::check_https_url(fetch.url); !good.ok()) {
    return Status::invalid_argument("the URL " + good.message());
  }
  http::GetRequest request;
  request.url = fetch.url;
  request.max_bytes = fetch.max_bytes;
  request.max_redirects = fetch.max_redirects;
  if (!fetch.allow_private) request.may_connect = &http::is_public;
  request.cancelled = [&] { return stopping_ || cancelled(); };
  const std::chrono::nanoseconds left(deadline_ns - host().monotonic_ns());
  request.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(left, kMostTime));
  if (fetch.endpoint_id.empty()) {
    request.ca_file = config_.ca_file;
    return http::get(request);
  }
  SIGNET_TRY(PeerCheck check, PeerCheck::make(fetch.endpoint_id, fetch.roots,
                                              x509::from_unix(host().unix_seconds())));
  request.judge_tls = [&](void* ssl_ctx) { check.install(ssl_ctx); };
  auto document = http::get(request);
  if (document || check.refusal().ok()) return document;
  return Status(Code::kUnauthenticated,
                "the endpoint cannot be authenticated: " + check.refusal().message());
}

Result<std::uint32_t> HttpsFederation::begin_serving(const EndpointOptions& options) {
  const std::lock_guard lock(mutex_);
  if (server_) return Status::failed_precondition("the bundle endpoint serves already");
  https_server::Options listen;
  listen.address = options.address;
  if (options.port > 65535) return Status::invalid_argument("the port is above 65535");
  listen.port = static_cast<std::uint16_t>(options.port);
  const auto handler = [this](const https_server::Request& request) { return answer(request); };
  if (options.web()) {
    marks_ = mark_files(options.certificate_file, options.key_file);
    SIGNET_TRY(const WebFiles files, WebFiles::load(options.certificate_file, options.key_file));
    SIGNET_TRY(server_,
               https_server::Server::start(listen, {files.chain, files.key.text()}, handler));
  } else {
    if (chain_.empty()) return Status::failed_precondition("the bundle endpoint has no identity");
    SIGNET_TRY(server_, https_server::Server::start(listen, {chain_, key_.text()}, handler));
    chain_.clear();
    key_ = {};
  }
  options_ = options;
  const std::uint32_t port = server_->port();
  if (options.web()) {
    SIGNET_RETURN_IF_ERROR(
        file_timer_.start_every(host(), options.file_check, [this] { look_at_files(); }));
  }
  return port;
}

void HttpsFederation::end_serving() {
  file_timer_.stop();  // without the lock, which its function takes
  std::unique_ptr<https_server::Server> gone;
  const std::lock_guard lock(mutex_);
  gone = std::move(server_);
}

Status HttpsFederation::set_document(std::string_view document) {
  std::atomic_store(&document_, std::make_shared<const std::string>(document));
  return {};
}

Status HttpsFederation::set_identity(const std::vector<std::string_view>& chain,
                                     std::string_view key) {
  const https_server::Identity identity{{chain.begin(), chain.end()}, key};
  const std::lock_guard lock(mutex_);
  if (server_ && options_.web()) return {};  // its files say what it shows
  if (server_) return server_->set_identity(identity);
  chain_ = identity.chain;
  key_ = crypto::SecretBytes(crypto::as_bytes(key));
  return {};
}

https_server::Answer HttpsFederation::answer(const https_server::Request& request) const {
  const auto text = [](unsigned status, const char* words) {
    return https_server::Answer{status, "text/plain; charset=utf-8",
                                std::make_shared<const std::string>(words)};
  };
  if (request.method != "GET") return text(405, "405 method not allowed\n");
  if (request.path != "/") return text(404, "404 page not found\n");
  Document document = std::atomic_load(&document_);
  if (!document) return text(500, "500 the bundle is not there yet\n");
  return {200, "application/json", std::move(document)};
}

void HttpsFederation::look_at_files() {
  const std::lock_guard lock(mutex_);
  if (!server_) return;
  const FileMarks marks = mark_files(options_.certificate_file, options_.key_file);
  if (marks == marks_) return;
  marks_ = marks;
  auto files = WebFiles::load(options_.certificate_file, options_.key_file);
  Status status = files.status();
  if (files) status = server_->set_identity({files->chain, files->key.text()});
  if (!status.ok()) {
    host().log_status(LogLevel::kError,
                      "Bundle endpoint files changed and cannot be used; the old ones stay",
                      status);
    return;
  }
  host().info("Bundle endpoint files reloaded", {{"cert_file_path", options_.certificate_file}});
}

}  // namespace signet::https_federation
