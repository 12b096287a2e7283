// Attestors in C++: what node and workload attestor plugins implement, and how a role uses them.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/abi/node_attestor.h"
#include "signet/abi/workload_attestor.h"
#include "signet/plugin.h"
#include "signet/service.h"
#include "signet/utf8.h"

namespace signet {

// ---- Workload attestation.
class WorkloadAttestor {
 public:
  virtual ~WorkloadAttestor() = default;
  /// Selector values ("uid:1000"); the type is the plugin's name. Concurrent; may block until
  /// deadline_ns (host clock).
  virtual Result<std::vector<std::string>> attest(const signet_workload_peer& peer,
                                                  int64_t deadline_ns) = 0;
};

/// Each of them once, in order.
/// Errors   kInternal: one is empty, is not UTF-8 or holds a NUL, so no entry can name it
inline Result<std::vector<std::string>> as_selectors(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (const std::string& value : values) {
    if (value.empty() || !is_utf8(value) || value.find('\0') != std::string::npos)
      return Status::internal("a selector is empty, not UTF-8 or holds a NUL");
  }
  return values;
}

template <typename T>
const signet_workload_attestor* workload_attestor_table() {
  static const signet_workload_attestor kTable = {
      sizeof(signet_workload_attestor), 0,
      [](signet_instance* i, signet_call* c, const signet_workload_peer* peer) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(std::vector<std::string> told,
                     plugin_cast<T>(i).attest(*peer, c->deadline_ns));
          SIGNET_TRY(const std::vector<std::string> values, as_selectors(std::move(told)));
          std::vector<signet_str> spans;
          spans.reserve(values.size());
          for (const std::string& value : values) spans.push_back(to_abi(value));
          Call(c).emit(SIGNET_KIND_SELECTORS,
                       signet_selectors{sizeof(signet_selectors), 0, spans.data(), spans.size()});
          return {};
        });
      }};
  return &kTable;
}

/// Asks one attestor. The values, without a type, as as_selectors() has them.
inline Result<std::vector<std::string>> attest_workload(
    const ServiceHandle<signet_workload_attestor>& handle, const signet_workload_peer& peer,
    int64_t deadline_ns) {
  std::vector<std::string> out;
  SIGNET_RETURN_IF_ERROR(handle.call(
      deadline_ns,
      [&](uint32_t kind, const void* msg, std::size_t) {
        if (kind != SIGNET_KIND_SELECTORS) return;
        const auto& selectors = *static_cast<const signet_selectors*>(msg);
        for (std::size_t n = 0; n < selectors.count; ++n)
          out.emplace_back(view(selectors.values[n]));
      },
      [&](const signet_workload_attestor& api, signet_instance* i, signet_call* c) {
        return api.attest(i, c, &peer);
      }));
  return as_selectors(std::move(out));
}

// ---- Node attestation. A session is stepped by its role, one message at a time.
struct AgentAttributes {
  std::string agent_id;
  bool can_reattest = false;
  std::vector<std::string> selectors;  // values; the type is the plugin's name
};
struct ServerStep {  // exactly one is set
  std::string challenge;
  std::unique_ptr<AgentAttributes> attributes;
};
class NodeAttestorServerSession {
 public:
  virtual ~NodeAttestorServerSession() = default;
  virtual Result<ServerStep> step(std::string_view from_agent, int64_t deadline_ns) = 0;
};
class NodeAttestorServer {
 public:
  virtual ~NodeAttestorServer() = default;
  virtual Result<std::unique_ptr<NodeAttestorServerSession>> open_server(
      std::string_view trust_domain, std::string_view client_address) = 0;
};
class NodeAttestorAgentSession {
 public:
  virtual ~NodeAttestorAgentSession() = default;
  /// First "" -> the payload; then a challenge -> its response.
  virtual Result<std::string> step(std::string_view challenge, int64_t deadline_ns) = 0;
};
class NodeAttestorAgent {
 public:
  virtual ~NodeAttestorAgent() = default;
  virtual Result<std::unique_ptr<NodeAttestorAgentSession>> open_agent() = 0;
};

template <typename T>
const signet_node_attestor_server* node_attestor_server_table() {
  static const signet_node_attestor_server kTable = {
      sizeof(signet_node_attestor_server), 0,
      [](signet_instance* i, signet_call* c, const signet_attest_origin* origin,
         signet_session** out) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(auto session, plugin_cast<T>(i).open_server(view(origin->trust_domain),
                                                                 view(origin->client_address)));
          *out = reinterpret_cast<signet_session*>(session.release());
          return {};
        });
      },
      [](signet_session* s, signet_call* c, signet_bytes from_agent) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const ServerStep step, reinterpret_cast<NodeAttestorServerSession*>(s)->step(
                                                view(from_agent), c->deadline_ns));
          if (!step.attributes) {
            Call(c).emit_bytes(SIGNET_KIND_CHALLENGE, step.challenge);
            return {};
          }
          std::vector<signet_str> spans;
          for (const std::string& value : step.attributes->selectors)
            spans.push_back(to_abi(value));
          Call(c).emit(SIGNET_KIND_ATTRIBUTES,
                       signet_agent_attributes{
                           sizeof(signet_agent_attributes), step.attributes->can_reattest ? 1u : 0u,
                           to_abi(step.attributes->agent_id), spans.data(), spans.size()});
          return {};
        });
      },
      [](signet_session* s) { delete reinterpret_cast<NodeAttestorServerSession*>(s); }};
  return &kTable;
}

template <typename T>
const signet_node_attestor_agent* node_attestor_agent_table() {
  static const signet_node_attestor_agent kTable = {
      sizeof(signet_node_attestor_agent), 0,
      [](signet_instance* i, signet_call* c, signet_session** out) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(auto session, plugin_cast<T>(i).open_agent());
          *out = reinterpret_cast<signet_session*>(session.release());
          return {};
        });
      },
      [](signet_session* s, signet_call* c, signet_bytes challenge) {
        return guarded(c, [&]() -> Status {
          SIGNET_TRY(const std::string payload,
                     reinterpret_cast<NodeAttestorAgentSession*>(s)->step(view(challenge),
                                                                          c->deadline_ns));
          Call(c).emit_bytes(SIGNET_KIND_PAYLOAD, payload);
          return {};
        });
      },
      [](signet_session* s) { delete reinterpret_cast<NodeAttestorAgentSession*>(s); }};
  return &kTable;
}

// The role's side of a session, either kind. Steps block: from a worker only.
template <typename Api>
class AttestationSession {
 public:
  AttestationSession(AttestationSession&& o) noexcept
      : handle_(std::move(o.handle_)),
        table_(o.table_),
        session_(std::exchange(o.session_, nullptr)) {}
  AttestationSession& operator=(AttestationSession&&) = delete;
  ~AttestationSession() {
    if (session_) table_->close(session_);
  }

 protected:
  AttestationSession() = default;
  template <typename Open>
  Status open(ServiceHandle<Api> handle, int64_t deadline_ns, Open&& fn) {
    handle_ = std::move(handle);
    return handle_.call(
        deadline_ns, [](uint32_t, const void*, std::size_t) {},
        [&](const Api& api, signet_instance* i, signet_call* c) {
          table_ = &api;
          return fn(api, i, c, &session_);
        });
  }
  template <typename OnEmit>
  Status step_raw(std::string_view message, int64_t deadline_ns, OnEmit&& on_emit) {
    return handle_.call(deadline_ns, on_emit,
                        [&](const Api& api, signet_instance*, signet_call* c) {
                          return api.step(session_, c, bytes_to_abi(message));
                        });
  }

 private:
  ServiceHandle<Api> handle_;
  const Api* table_ = nullptr;
  signet_session* session_ = nullptr;
};

class ServerAttestation : public AttestationSession<signet_node_attestor_server> {
 public:
  static Result<ServerAttestation> open(const Host& host, std::string_view type,
                                        std::string_view trust_domain,
                                        std::string_view client_address, int64_t deadline_ns) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_node_attestor_server>::acquire(
                                host, SIGNET_NODE_ATTESTOR_SERVER, type));
    const signet_attest_origin origin = {sizeof(signet_attest_origin), 0, to_abi(trust_domain),
                                         to_abi(client_address)};
    ServerAttestation s;
    SIGNET_RETURN_IF_ERROR(s.AttestationSession::open(
        std::move(handle), deadline_ns, [&](const auto& api, auto* i, auto* c, auto** out) {
          return api.open(i, c, &origin, out);
        }));
    return s;
  }
  Result<ServerStep> step(std::string_view from_agent, int64_t deadline_ns) {
    ServerStep out;
    SIGNET_RETURN_IF_ERROR(
        step_raw(from_agent, deadline_ns, [&](uint32_t kind, const void* msg, std::size_t size) {
          if (kind == SIGNET_KIND_CHALLENGE)
            out.challenge.assign(static_cast<const char*>(msg), size);
          if (kind != SIGNET_KIND_ATTRIBUTES) return;
          const auto& a = *static_cast<const signet_agent_attributes*>(msg);
          out.attributes = std::make_unique<AgentAttributes>();
          out.attributes->agent_id = view(a.agent_id);
          out.attributes->can_reattest = a.can_reattest != 0;
          for (std::size_t n = 0; n < a.selector_count; ++n) {
            out.attributes->selectors.emplace_back(view(a.selectors[n]));
          }
        }));
    if (!out.attributes && out.challenge.empty()) {
      return Status::internal("the node attestor gave neither a challenge nor attributes");
    }
    return out;
  }
};

class AgentAttestation : public AttestationSession<signet_node_attestor_agent> {
 public:
  static Result<AgentAttestation> open(const Host& host, std::string_view type,
                                       int64_t deadline_ns) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_node_attestor_agent>::acquire(
                                host, SIGNET_NODE_ATTESTOR_AGENT, type));
    AgentAttestation s;
    SIGNET_RETURN_IF_ERROR(s.AttestationSession::open(
        std::move(handle), deadline_ns,
        [&](const auto& api, auto* i, auto* c, auto** out) { return api.open(i, c, out); }));
    return s;
  }
  Result<std::string> step(std::string_view challenge, int64_t deadline_ns) {
    std::string payload;
    SIGNET_RETURN_IF_ERROR(
        step_raw(challenge, deadline_ns, [&](uint32_t kind, const void* msg, std::size_t size) {
          if (kind == SIGNET_KIND_PAYLOAD) payload.assign(static_cast<const char*>(msg), size);
        }));
    return payload;
  }
};

}  // namespace signet
