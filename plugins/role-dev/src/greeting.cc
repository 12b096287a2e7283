#include "greeting.h"

#include <cstdio>

namespace signet::dev {

std::string shell_word(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string greeting_text(const Greeting& g) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", static_cast<double>(g.took.count()) / 1000);
  const std::string uid = std::to_string(g.uid);
  const std::string socket = shell_word(g.workload_socket);
  std::string text =
      "Server and agent of " + g.trust_domain + " are running; ready after " + seconds + " s.\n\n";
  text += "  identity   " + g.spiffe_id + "\n";
  text += "  for        every process of uid " + uid + (g.user.empty() ? "" : " (" + g.user + ")") +
          "\n";
  text += "  socket     unix://" + g.workload_socket + "\n";
  text += "  state      " + g.folder + " (keys, database, logs; started there again, it goes on)\n";
  text += "\nFetch the identity from another terminal:\n\n";
  text += "  export SPIFFE_ENDPOINT_SOCKET=" + shell_word("unix://" + g.workload_socket) + "\n";
  text += "  signet agent api fetch x509 -socketPath " + socket + "\n";
  text += "  signet agent api fetch jwt -audience my-service -socketPath " + socket + "\n";
  text += "\nRegister another workload:\n\n";
  text += "  signet server entry create -socketPath " + shell_word(g.admin_socket) + " \\\n";
  text += "    -parentID " + g.node_id + " \\\n";
  text +=
      "    -spiffeID spiffe://" + g.trust_domain + "/my-service -selector unix:uid:" + uid + "\n";
  text += "\nCtrl-C ends it.\n";
  return text;
}

}  // namespace signet::dev
