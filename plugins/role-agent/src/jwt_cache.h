// JwtCache: the JwtSource. Tokens in memory, at most a fixed number, the least recently used one
// goes first; the server is asked once for all who want the same token at the same time.
#pragma once

#include <condition_variable>
#include <list>
#include <set>
#include <unordered_map>

#include "identity_table.h"
#include "server_api.h"

namespace signet::agent {

class JwtCache final : public JwtSource {
 public:
  struct Options {
    std::size_t limit = 1000;
    // How long a call waits for the server while a token that has not expired is at hand.
    std::chrono::nanoseconds hit_timeout = std::chrono::seconds(30);
  };
  /// refused(status): what the server's refusal means is judged elsewhere.
  JwtCache(Host host, ServerApi& server, Options options,
           std::function<void(const Status&)> refused = {});

  JwtSvidPtr cached(const Entry& entry, const std::vector<std::string>& audience) override;
  Result<JwtSvidPtr> fetch(const Entry& entry, const std::vector<std::string>& audience,
                           std::int64_t deadline_ns) override;

  /// Drops the tokens that these keys signed. Answers how many.
  std::size_t taint(const std::set<std::string>& key_ids);
  void clear();
  std::size_t size() const;

 private:
  struct Item {
    std::string key;
    JwtSvidPtr token;
    std::string key_id;  // the authority that signed it
  };
  struct Flight {  // one question to the server, and who waits for its answer
    bool over = false;
    Status status;
    JwtSvidPtr token;
  };

  JwtSvidPtr find(const std::string& key);
  void remember(const std::string& key, const JwtSvidPtr& token);
  Result<JwtSvidPtr> ask(const Entry& entry, const std::vector<std::string>& audience,
                         std::int64_t deadline_ns);
  double now() const { return static_cast<double>(host_.wall_ns()) / 1e9; }

  const Host host_;
  ServerApi& server_;
  const Options options_;
  const std::function<void(const Status&)> refused_;
  mutable std::mutex mutex_;
  std::condition_variable landed_;
  std::list<Item> items_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Item>::iterator> index_;  // into Item::key
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace signet::agent
