#include "addresses.h"

#include <algorithm>
#include <memory>
#include <netdb.h>
#include <random>

#include <sys/socket.h>

namespace signet::rpc_grpc {
namespace {

struct Found {
  int family;
  std::string text;
};

Status look_up_one(std::string name, std::vector<Found>& found) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    return Status::unavailable("cannot look up \"" + name + "\": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(list, freeaddrinfo);
  for (const addrinfo* each = list; each; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    found.push_back({each->ai_family, text});
  }
  return {};
}

std::vector<std::string> names_of(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    names.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

}  // namespace

Result<std::vector<std::string>> look_up(const Endpoint& endpoint) {
  std::vector<Found> found;
  Status failure;
  for (const std::string& name : names_of(endpoint.host)) {
    if (Status looked = look_up_one(name, found); !looked.ok()) failure = std::move(looked);
  }
  if (found.empty()) return failure;
  const int preferred = found.front().family;
  thread_local std::mt19937_64 random(std::random_device{}());
  std::shuffle(found.begin(), found.end(), random);
  std::stable_partition(found.begin(), found.end(),
                        [&](const Found& each) { return each.family == preferred; });
  std::vector<std::string> addresses;
  for (const Found& each : found) {
    std::string text = each.family == AF_INET ? "::ffff:" + each.text : each.text;
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end())
      addresses.push_back(std::move(text));
  }
  return addresses;
}

Result<std::vector<std::string>> KnownAddresses::get(const Endpoint& endpoint) {
  auto found = look_up_(endpoint);
  if (found) {
    last_ = *found;
  } else if (!last_.empty()) {
    std::rotate(last_.begin(), last_.begin() + 1, last_.end());  // perhaps the first has gone
    return last_;
  }
  return found;
}

// One scheme for both families: that of IPv4 takes no others beside it.
std::string target_of(const std::vector<std::string>& addresses, uint16_t port) {
  std::string target;
  for (std::string text : addresses) {
    if (const auto zone = text.find('%'); zone != text.npos) text.replace(zone, 1, "%25");
    target += (target.empty() ? "ipv6:[" : ",[") + text + "]:" + std::to_string(port);
  }
  return target;
}

}  // namespace signet::rpc_grpc
