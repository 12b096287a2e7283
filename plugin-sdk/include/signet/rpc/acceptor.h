// RpcAcceptor: who we are on a connection and who the other side is, asked by the transport.
#pragma once

#include <string>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/plugin.h"
#include "signet/rpc/peer.h"

namespace signet {

struct RpcIdentity {
  std::vector<std::string> chain;  // DER, leaf first
  Secret key;                      // PKCS#8 DER; or:
  std::string key_manager;         // the instance's name
  std::string key_id;
};
struct RpcVerdict {
  std::string id;        // "" = anonymous
  void* user = nullptr;  // seen as peer().user; freed by the acceptor's closed()
};

// Asked on workers; what the transport does with the answers, abi/rpc.h says.
class RpcAcceptor {
 public:
  virtual ~RpcAcceptor() = default;
  virtual Result<RpcIdentity> identity() { return Status::not_found("no identity"); }
  virtual Result<RpcVerdict> verify(const RpcPeer& peer) = 0;
  virtual void closed(const RpcPeer&) {}

  /// The C table for any acceptor; self is the RpcAcceptor*.
  static const signet_rpc_acceptor* table() {
    static const signet_rpc_acceptor kTable = {
        sizeof(signet_rpc_acceptor), 0,
        [](void* self, signet_call* c) {
          return guarded(c, [&]() -> Status {
            SIGNET_TRY(RpcIdentity id, static_cast<RpcAcceptor*>(self)->identity());
            std::vector<signet_bytes> spans;
            for (const std::string& der : id.chain) spans.push_back(bytes_to_abi(der));
            Call(c).emit(
                SIGNET_RPC_KIND_IDENTITY,
                signet_rpc_identity{sizeof(signet_rpc_identity), 0, spans.data(), spans.size(),
                                    id.key.get(), to_abi(id.key_manager), to_abi(id.key_id)});
            return {};
          });
        },
        [](void* self, signet_call* c, const signet_rpc_peer* peer) {
          return guarded(c, [&]() -> Status {
            SIGNET_TRY(const RpcVerdict verdict, static_cast<RpcAcceptor*>(self)->verify(*peer));
            Call(c).emit(SIGNET_RPC_KIND_PEER_ID,
                         signet_rpc_peer_id{sizeof(signet_rpc_peer_id), 0, to_abi(verdict.id),
                                            verdict.user});
            return {};
          });
        },
        [](void* self, const signet_rpc_peer* peer) {
          static_cast<RpcAcceptor*>(self)->closed(*peer);
        }};
    return &kTable;
  }
};

}  // namespace signet
