// HttpsFederation: both sides of SPIFFE Federation over HTTPS. It fetches documents of foreign
// bundle endpoints and serves our own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signet/bundle_endpoint.h"
#include "signet/bundle_source.h"

#include "config.h"
#include "crypto/secret_bytes.h"
#include "https_server/server.h"
#include "web_files.h"

namespace signet::https_federation {

class HttpsFederation final : public Plugin, public BundleSource, public BundleEndpoint {
 public:
  using Plugin::Plugin;
  ~HttpsFederation() override { end_serving(); }
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

  // BundleSource
  Result<std::string> fetch(const BundleFetch& request, std::int64_t deadline_ns,
                            const std::function<bool()>& cancelled) override;
  // BundleEndpoint
  Result<std::uint32_t> begin_serving(const EndpointOptions& options) override;
  void end_serving() override;
  Status set_document(std::string_view document) override;
  Status set_identity(const std::vector<std::string_view>& chain, std::string_view key) override;

 private:
  using Document = std::shared_ptr<const std::string>;
  https_server::Answer answer(const https_server::Request& request) const;
  void look_at_files();

  Config config_;  // while nothing is fetched
  std::atomic<bool> stopping_{false};

  Document document_;  // by atomic_load and atomic_store: read on the server's thread
  std::mutex mutex_;   // guards what follows
  EndpointOptions options_;
  FileMarks marks_{};               // of the files when they were last read, good or not
  std::vector<std::string> chain_;  // https_spiffe, before there is a server
  crypto::SecretBytes key_;
  std::unique_ptr<https_server::Server> server_;
  Timer file_timer_;  // runs only while a server with files is there
};

}  // namespace signet::https_federation
