// X509Source: always the current identities and bundles, kept up to date by the agent.
//
//   auto transport = make_grpc_transport(*endpoint_from_environment());
//   X509Source source(*transport);
//   SIGNET_RETURN_IF_ERROR(source.wait(std::chrono::seconds(5)));
//   source.current()->default_svid().spiffe_id
//
// A lost stream is opened again with growing pauses; what was known stays. INVALID_ARGUMENT and
// CANCELLED end it for good, since asking again cannot help.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "workload_client/transport.h"
#include "workload_client/x509_context.h"

namespace signet::workload_client {

class X509Source {
 public:
  struct Options {
    std::chrono::milliseconds first_pause{1000};  // grows by as much with each failure
    std::chrono::milliseconds longest_pause{30000};
    /// After each new context, on the source's thread. Optional.
    std::function<void(const X509ContextPtr&)> on_update;
    /// After each failure of the stream. Optional.
    std::function<void(const Status&)> on_error;
  };

  explicit X509Source(Transport& transport) : X509Source(transport, Options()) {}
  X509Source(Transport& transport, Options options);
  X509Source(const X509Source&) = delete;
  X509Source& operator=(const X509Source&) = delete;
  ~X509Source();

  /// Waits for the first identities.
  /// Errors   kDeadlineExceeded; the stream's own when it ended for good
  Status wait(std::chrono::milliseconds timeout);
  /// The latest; nullptr before the first. Cheap, from any thread.
  X509ContextPtr current() const;
  /// Why there is none or why it is not fresh; ok while the stream is up.
  Status last_error() const;

 private:
  void run();
  Transport& transport_;
  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  X509ContextPtr current_;
  Status error_;
  bool stream_ended_ = false;
  bool gave_up_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace signet::workload_client
