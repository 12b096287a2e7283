// A registered method, and who counts its calls.
#pragma once

#include <string>

#include "signet/abi/rpc.h"

namespace signet::rpc_grpc {

// A registered method.
struct Method {
  std::string name;  // "/package.Service/Method"
  const signet_rpc_handler* handler;
  void* self;
};

// What outlives every call of a listener.
class CallCounter {
 public:
  virtual void call_ended() = 0;

 protected:
  ~CallCounter() = default;
};

}  // namespace signet::rpc_grpc
