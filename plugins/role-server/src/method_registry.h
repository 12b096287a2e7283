// MethodRegistry: the API's methods and what handles them, before a socket exists.
//
//   methods.unary<GetAgentRequest, types::Agent>("/spire.api.server.agent.v1.Agent/GetAgent",
//       [](CallContext& call, const GetAgentRequest& request, types::Agent& response) -> Status {
//         ...
//       });
//
// Handlers run on worker threads, concurrently, and may block. The caller is already authorised
// by method_table.h and past its rate limit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call_context.h"

namespace signet::server {

// One parsed unary request, between its arrival and its answer.
class UnaryTask {
 public:
  virtual ~UnaryTask() = default;
  /// How many tokens of the rate limit it costs.
  virtual std::uint32_t cost() const = 0;
  /// The encoded answer.
  virtual Result<Blob> run(CallContext& call) = 0;
};

class MethodRegistry {
 public:
  using Parse = std::function<std::unique_ptr<UnaryTask>(std::string_view)>;  // null: malformed
  using Stream = std::function<void(std::shared_ptr<CallContext>, std::string_view first)>;
  struct Method {
    const MethodRule* rule;
    std::uint32_t rpc_flags;
    Parse parse;    // unary methods
    Stream stream;  // streams of many requests or many answers
  };

  /// fn(CallContext&, const Req&, Resp&) -> Status
  template <typename Req, typename Resp, typename Fn>
  void unary(std::string_view method, Fn fn) {
    unary_blob<Req>(method, [fn = std::move(fn)](CallContext& call, const Req& request) {
      Resp response;
      const Status status = fn(call, request, response);
      return status.ok() ? Result<Blob>(call.host().blob_of(response)) : Result<Blob>(status);
    });
  }
  /// For answers that exist encoded: fn(CallContext&, const Req&) -> Result<Blob>
  template <typename Req, typename Fn>
  void unary_blob(std::string_view method, Fn fn) {
    auto shared = std::make_shared<Fn>(std::move(fn));
    add(
        method, 0,
        [shared](std::string_view bytes) -> std::unique_ptr<UnaryTask> {
          auto task = std::make_unique<Task<Req, Fn>>(shared);
          const bool good =
              task->request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
          return good ? std::move(task) : nullptr;
        },
        nullptr);
  }
  /// fn(std::shared_ptr<CallContext>, first message) is called once; it sets call().on_message and
  /// asks for more with call().read(), and ends with finish(). `rpc_flags` as in abi/rpc.h.
  void stream(std::string_view method, std::uint32_t rpc_flags, Stream fn) {
    add(method, rpc_flags, nullptr, std::move(fn));
  }

  const std::vector<Method>& methods() const { return methods_; }

 private:
  template <typename Req, typename Fn>
  struct Task final : UnaryTask {
    explicit Task(std::shared_ptr<Fn> f) : fn(std::move(f)) {}
    std::uint32_t cost() const override {
      // A batch of signatures costs one token each, as SPIRE counts it.
      if constexpr (requires(const Req& r) { r.params_size(); }) {
        return static_cast<std::uint32_t>(request.params_size());
      } else {
        return 1;
      }
    }
    Result<Blob> run(CallContext& call) override { return (*fn)(call, std::as_const(request)); }
    Req request;
    std::shared_ptr<Fn> fn;
  };
  void add(std::string_view method, std::uint32_t rpc_flags, Parse parse, Stream stream);

  std::vector<Method> methods_;
};

}  // namespace signet::server
