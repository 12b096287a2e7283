// Transport: how the Workload API's methods are reached. The client's core sees messages as bytes.
//
// grpc_transport.h has one over gRPC. A program that already has a way to call the API (a plugin
// over its host's rpc service, a test) brings its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::workload_client {

// One open stream. Destroying it cancels it and waits until no callback runs.
class Stream {
 public:
  virtual ~Stream() = default;
};

class Transport {
 public:
  using OnMessage = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(Status)>;
  virtual ~Transport() = default;

  /// Calls a server-streaming method, "/SpiffeWorkloadAPI/FetchX509SVID". Callbacks come one at
  /// a time on a thread of the transport's; on_end once, last. The security header is added.
  virtual std::unique_ptr<Stream> stream(const std::string& method, std::string request,
                                         OnMessage on_message, OnEnd on_end) = 0;
  /// Calls a unary method and waits.
  virtual Result<std::string> call(const std::string& method, std::string request,
                                   std::chrono::milliseconds timeout) = 0;
};

}  // namespace signet::workload_client
