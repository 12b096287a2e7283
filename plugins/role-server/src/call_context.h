// CallContext: one call of the API as its handler sees it: who calls, and what goes to the audit
// log about it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/rpc/server_call.h"

#include "caller.h"
#include "service_context.h"

namespace signet::server {

using AuditFields = std::vector<std::pair<std::string, std::string>>;

class CallContext {
 public:
  CallContext(ServiceContext& services, std::shared_ptr<ServerCall> call,
              std::shared_ptr<const Caller> caller, const MethodRule& rule)
      : services_(services), call_(std::move(call)), caller_(std::move(caller)), rule_(rule) {}

  ServiceContext& services() const { return services_; }
  const Host& host() const { return services_.host; }
  const Caller& caller() const { return *caller_; }
  /// Of a caller with a certificate only: agents, admins over the network, downstream servers.
  const SpiffeId& caller_id() const { return caller_->identity->spiffe_id; }
  std::string_view method() const { return rule_.method; }
  /// For streams: send, read, on_message. A unary handler does not finish the call itself.
  ServerCall& call() const { return *call_; }

  /// False: the functions below do nothing, and their arguments need not be made.
  bool auditing() const { return services_.config->audit_log_enabled; }
  /// A field of the call's one audit record, such as ("spiffe_id", ...).
  void audit(std::string_view key, std::string_view value) {
    if (auditing()) fields_.emplace_back(key, value);
  }
  /// The same of several values, which commas separate.
  template <typename Values>
  void audit_all(std::string_view key, const Values& values) {
    if (!auditing()) return;
    std::string all;
    for (const std::string& value : values) all.append(all.empty() ? "" : ",").append(value);
    fields_.emplace_back(key, std::move(all));
  }
  /// The record of one item of a batch; a call that wrote any has no record of its own, unless
  /// it fails as a whole.
  void audit_item(const Status& status, const AuditFields& fields);

  /// Streams: writes the audit record and ends the call.
  void finish(const Status& status);
  /// The call-level audit record and log fields; the dispatcher calls it for unary methods.
  void close(const Status& status);

 private:
  void write_audit(const Status& status, const AuditFields& fields);
  const std::string& request_id();
  ServiceContext& services_;
  std::shared_ptr<ServerCall> call_;
  std::shared_ptr<const Caller> caller_;
  const MethodRule& rule_;
  AuditFields fields_;
  std::string request_id_;  // made when something is written about the call
  bool items_written_ = false;
};

}  // namespace signet::server
