// MethodRegistry: the API's methods and what handles them, before a socket exists.
//
//   Status get_agent(CallContext& call, const GetAgentRequest& request, types::Agent& response);
//   methods.unary("/spire.api.server.agent.v1.Agent/GetAgent", get_agent);
//   methods.unary("/spire.api.server.entry.v1.Entry/GetEntry", bind(service, &EntryService::get));
//
// Handlers run on worker threads, concurrently, and may block. The caller is already authorised
// by method_table.h and past its rate limit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/arena.h>

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

// What handles a unary method; the second form is for answers that exist encoded.
template <typename Req, typename Resp>
using UnaryFn = std::function<Status(CallContext&, const Req&, Resp&)>;
template <typename Req>
using BlobFn = std::function<Result<Blob>(CallContext&, const Req&)>;

/// A method of a service object, which lives as long as what is returned.
template <typename Service, typename Req, typename Resp>
UnaryFn<Req, Resp> bind(std::shared_ptr<Service> service,
                        Status (Service::*method)(CallContext&, const Req&, Resp&)) {
  return [service = std::move(service), method](CallContext& call, const Req& request,
                                                Resp& response) {
    return (service.get()->*method)(call, request, response);
  };
}
template <typename Service, typename Req>
BlobFn<Req> bind(std::shared_ptr<Service> service,
                 Result<Blob> (Service::*method)(CallContext&, const Req&)) {
  return [service = std::move(service), method](CallContext& call, const Req& request) {
    return (service.get()->*method)(call, request);
  };
}

class MethodRegistry {
 public:
  using Parse = std::function<std::unique_ptr<UnaryTask>(std::string_view)>;  // null: malformed
  using Stream = std::function<void(std::shared_ptr<CallContext>, std::string_view first)>;
  struct Method {
    const MethodRule* rule;
    std::uint32_t rpc_flags;
    Parse parse;    // unary methods
    Stream stream;  // streams of many requests or many answers
    bool never_blocks = false;
  };

  template <typename Req, typename Resp>
  void unary(std::string_view method, UnaryFn<Req, Resp> fn) {
    unary<Req>(method, BlobFn<Req>([fn = std::move(fn)](CallContext& call, const Req& request) {
                 Resp response;
                 const Status status = fn(call, request, response);
                 return status.ok() ? Result<Blob>(call.host().blob_of(response))
                                    : Result<Blob>(status);
               }));
  }
  template <typename Req, typename Resp>
  void unary(std::string_view method, Status (*fn)(CallContext&, const Req&, Resp&)) {
    unary(method, UnaryFn<Req, Resp>(fn));
  }
  template <typename Req>
  void unary(std::string_view method, BlobFn<Req> fn) {
    auto shared = std::make_shared<const BlobFn<Req>>(std::move(fn));
    add(
        method, 0,
        [shared](std::string_view bytes) -> std::unique_ptr<UnaryTask> {
          auto task = std::make_unique<Task<Req>>(shared);
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

  /// On the admin socket it is answered on the transport's own thread, also when all workers wait
  /// for a slow disk: what a supervisor asks.
  void never_blocks(std::string_view method);

  const std::vector<Method>& methods() const { return methods_; }

 private:
  template <typename Req>
  struct Task final : UnaryTask {
    explicit Task(std::shared_ptr<const BlobFn<Req>> f) : fn(std::move(f)) {}
    std::uint32_t cost() const override {
      // A batch of signatures costs one token each, as SPIRE counts it.
      if constexpr (requires(const Req& r) { r.params_size(); }) {
        return static_cast<std::uint32_t>(request.params_size());
      } else {
        return 1;
      }
    }
    Result<Blob> run(CallContext& call) override { return (*fn)(call, std::as_const(request)); }
    // In one piece, with a batch of a thousand entries in it, and gone in one.
    google::protobuf::Arena arena;
    Req& request = *google::protobuf::Arena::CreateMessage<Req>(&arena);
    std::shared_ptr<const BlobFn<Req>> fn;
  };
  void add(std::string_view method, std::uint32_t rpc_flags, Parse parse, Stream stream);

  std::vector<Method> methods_;
};

}  // namespace signet::server
