// Client: calls to a server or agent on its Unix socket, with errors in the words that the
// peer's commands print: "rpc error: code = NotFound desc = ...". Ctrl-C cancels them.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "signet/rpc/client.h"

#include "cli/table.h"

namespace signet::cli {

// How long a command waits for one answer; batches get more, since each item may cost a disk
// write.
inline constexpr std::chrono::seconds kCallTime{30};
inline constexpr std::chrono::seconds kBatchTime{600};

/// `status` of a remote call, as its text is printed. The code stays.
/// shown_path   the socket as error texts name it
Status rpc_error(const Status& status, const std::string& socket_path,
                 const std::string& shown_path);

class Client {
 public:
  /// Connects with the first call; a path that no socket can have fails there too.
  /// shown_prefix   put before an absolute path in error texts, as the peer's server commands do
  /// Errors   kUnavailable: no transport plugin
  static Result<Client> open(const Context& context, std::string socket_path,
                             const char* shown_prefix = "");

  template <typename Resp, typename Req>
  Result<Resp> call(const std::string& method, const Req& request,
                    std::chrono::nanoseconds time = kCallTime,
                    const RpcConnection::Headers& headers = {}) const {
    auto stream = connection_->open(method, request, deadline(time), headers);
    if (!stream) return error(stream.status());
    const Interrupt::Cancels cancels(interrupt_, **stream);
    auto answer = (*stream)->template answer<Resp>();
    if (!answer) return error(answer.status());
    return answer;
  }
  /// The first message of a stream, which is then given up.
  template <typename Resp, typename Req>
  Result<Resp> first(const std::string& method, const Req& request, std::chrono::nanoseconds time,
                     const RpcConnection::Headers& headers) const {
    auto stream = connection_->open(method, request, deadline(time), headers);
    if (!stream) return error(stream.status());
    const Interrupt::Cancels cancels(interrupt_, **stream);
    (*stream)->half_close();
    auto message = (*stream)->template read<Resp>();
    if (!message) return error(message.status());
    if (!*message) return Status(Code::kUnknown, "EOF");
    return std::move(**message);
  }

  RpcConnection& connection() const { return *connection_; }
  /// The error of a call that was made on connection().
  Status error(const Status& status) const { return rpc_error(status, socket_path_, shown_path_); }
  std::int64_t deadline(std::chrono::nanoseconds time) const {
    return time.count() <= 0 ? INT64_MAX : host_.deadline_in(time);
  }

 private:
  Client(const Context& context, std::string path, std::string shown,
         std::unique_ptr<RpcConnection> connection)
      : host_(context.host),
        interrupt_(context.interrupt),
        socket_path_(std::move(path)),
        shown_path_(std::move(shown)),
        connection_(std::move(connection)) {}

  Host host_;
  Interrupt& interrupt_;
  std::string socket_path_, shown_path_;
  std::unique_ptr<RpcConnection> connection_;
};

}  // namespace signet::cli
