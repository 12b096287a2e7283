// ConnectionCounts: the connections that a listener has, whose they are and what they take.
//
// Descriptors are counted apart from connections: a Unix caller's takes one until its first call,
// then two (see peer_process.h). Guarded by the listener's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace signet::rpc_grpc {

class ConnectionCounts {
 public:
  struct Count {
    std::size_t connections = 0;
    std::size_t descriptors = 0;
  };

  /// Before the first connection: the most of all, and of one caller.
  void limit(const Count& all, const Count& of_caller) {
    most_ = all;
    most_of_caller_ = of_caller;
  }
  /// Null: counted; else the limit that it would break, for the log.
  const char* add(const std::string& caller, const Count& more);
  void remove(const std::string& caller, const Count& gone);
  /// What was one caller's is another's from now on. False: that one has too much, nothing changed.
  bool move(const std::string& from, const std::string& to, const Count& what);

 private:
  static bool fits(const Count& now, const Count& more, const Count& most);
  bool fits_caller(const std::string& caller, const Count& more) const;

  Count most_;
  Count most_of_caller_;
  Count all_;
  std::unordered_map<std::string, Count> of_;
};

}  // namespace signet::rpc_grpc
