// What `signet dev` prints once all is up.
#pragma once

#include <chrono>
#include <string>

namespace signet::dev {

struct Greeting {
  std::string trust_domain;
  std::string user;  // login name, may be empty
  unsigned uid = 0;
  std::string spiffe_id;  // of that user's processes
  std::string node_id;    // the agent's alias, parent of entries
  std::string workload_socket;
  std::string admin_socket;
  std::string folder;
  std::chrono::milliseconds took{0};
};

std::string greeting_text(const Greeting& greeting);

/// `word` as a shell reads it back: in single quotes where it holds more than plain characters.
std::string shell_word(const std::string& word);

}  // namespace signet::dev
