#include "workload_client/grpc_transport.h"

#include <condition_variable>
#include <mutex>

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include "crypto/secret_bytes.h"
#include "workload_client/limits.h"

namespace signet::workload_client {
namespace {

grpc::ByteBuffer to_buffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string out;
  if (!buffer.Dump(&slices).ok()) return out;
  out.reserve(buffer.Length());  // growing would leave copies behind, which nobody wipes
  for (const grpc::Slice& slice : slices) {
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return out;
}

Status to_status(const grpc::Status& status) {
  return Status(static_cast<Code>(status.error_code()), status.error_message());
}

// Workload Endpoint 5: the header that shows the caller means the Workload API.
void add_header(grpc::ClientContext& context) { context.AddMetadata("workload.spiffe.io", "true"); }

class GrpcStream final : public Stream,
                         public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  GrpcStream(grpc::GenericStub& stub, const std::string& method, const std::string& request,
             Transport::OnMessage on_message, Transport::OnEnd on_end)
      : on_message_(std::move(on_message)),
        on_end_(std::move(on_end)),
        request_(to_buffer(request)) {
    add_header(context_);
    stub.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&answer_);
    StartCall();
  }
  ~GrpcStream() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;  // OnDone follows
    std::string bytes = to_string(answer_);
    on_message_(bytes);
    crypto::wipe(bytes);  // it may hold a private key; what gRPC keeps is out of our hands
    answer_.Clear();
    StartRead(&answer_);
  }
  void OnDone(const grpc::Status& status) override {
    on_end_(to_status(status));
    std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

 private:
  Transport::OnMessage on_message_;
  Transport::OnEnd on_end_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

grpc::ChannelArguments arguments() {
  grpc::ChannelArguments out;
  out.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  out.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // the agent is on this machine
  // The source has its own pauses; a connection that gRPC delays on top would double them.
  out.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return out;
}

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(const std::string& target)
      : stub_(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments())) {}

  std::unique_ptr<Stream> stream(const std::string& method, std::string request,
                                 OnMessage on_message, OnEnd on_end) override {
    return std::make_unique<GrpcStream>(stub_, method, request, std::move(on_message),
                                        std::move(on_end));
  }

  Result<std::string> call(const std::string& method, std::string request,
                           std::chrono::milliseconds timeout) override {
    grpc::ClientContext context;
    add_header(context);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const grpc::ByteBuffer out = to_buffer(request);
    grpc::ByteBuffer in;
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    grpc::Status result;
    stub_.UnaryCall(&context, method, grpc::StubOptions(), &out, &in, [&](grpc::Status status) {
      std::lock_guard lock(mutex);
      result = std::move(status);
      done = true;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done; });
    if (!result.ok()) return to_status(result);
    return to_string(in);
  }

 private:
  grpc::GenericStub stub_;
};

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(const std::string& target) {
  return std::make_unique<GrpcTransport>(target);
}

}  // namespace signet::workload_client
