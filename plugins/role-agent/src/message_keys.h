// MessageKeys: the private keys in a generated message, which does not wipe what it holds.
//
//   ::X509SVIDResponse response;
//   MessageKeys keys;  // goes before the message does
//   key.open([&](std::string_view der) { keys.put(*svid->mutable_x509_svid_key(), der); });
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.h"

namespace signet::agent {

class MessageKeys {
 public:
  MessageKeys() = default;
  MessageKeys(const MessageKeys&) = delete;
  MessageKeys& operator=(const MessageKeys&) = delete;
  ~MessageKeys() {
    for (std::string* place : places_) crypto::wipe(*place);
  }

  /// place   the field, empty so far; it stays where it is while this lives. Not by the message's
  ///         setter, which copies through a string of its own that nobody wipes.
  void put(std::string& place, std::string_view key) {
    places_.push_back(&place);
    place.assign(key);
  }

 private:
  std::vector<std::string*> places_;
};

}  // namespace signet::agent
