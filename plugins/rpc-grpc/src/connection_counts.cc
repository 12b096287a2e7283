#include "connection_counts.h"

namespace signet::rpc_grpc {

bool ConnectionCounts::fits(const Count& now, const Count& more, const Count& most) {
  return now.connections + more.connections <= most.connections &&
         now.descriptors + more.descriptors <= most.descriptors;
}

bool ConnectionCounts::fits_caller(const std::string& caller, const Count& more) const {
  const auto known = of_.find(caller);
  return fits(known == of_.end() ? Count() : known->second, more, most_of_caller_);
}

const char* ConnectionCounts::add(const std::string& caller, const Count& more) {
  if (!fits(all_, more, most_)) return "too many connections";
  if (!fits_caller(caller, more)) return "too many connections of this caller";
  for (Count* count : {&all_, &of_[caller]}) {
    count->connections += more.connections;
    count->descriptors += more.descriptors;
  }
  return nullptr;
}

void ConnectionCounts::remove(const std::string& caller, const Count& gone) {
  const auto known = of_.find(caller);
  if (known == of_.end()) return;
  for (Count* count : {&all_, &known->second}) {
    count->connections -= gone.connections;
    count->descriptors -= gone.descriptors;
  }
  if (known->second.connections == 0) of_.erase(known);
}

bool ConnectionCounts::move(const std::string& from, const std::string& to, const Count& what) {
  if (!fits_caller(to, what)) return false;
  remove(from, what);
  add(to, what);
  return true;
}

}  // namespace signet::rpc_grpc
