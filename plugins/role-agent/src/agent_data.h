// AgentData: what the agent keeps on disk, in <data_dir>/agent-data.json, in SPIRE's form.
//
// {"svid": [...], "bundle": [...], "reattestable": bool, "bootstrap_use": n,
//  "bootstrap_start_time": RFC 3339, "connection_attempts": n}
// The two arrays hold the base64 of one certificate's PEM text each, or are null. An agent of
// SPIRE's continues from our file and ours from its.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "signet/host.h"

#include "x509/certificate.h"

namespace signet::agent {

struct AgentData {
  std::vector<x509::Certificate> svid;    // the agent's own chain, leaf first
  std::vector<x509::Certificate> bundle;  // X.509 authorities of our trust domain
  bool reattestable = false;
  static constexpr int kUsedFirst = 1;
  static constexpr int kUsedAgain = 2;  // SPIRE's "rebootstrap": from the first success on
  int bootstrap_use = 0;                // 0: not set
  std::int64_t bootstrap_started = 0;   // Unix seconds; 0: not under way
  int connection_attempts = 0;

  static Result<AgentData> from_json(std::string_view json);
  std::string to_json() const;
};

class AgentDataFile {
 public:
  explicit AgentDataFile(const std::string& data_dir);

  /// Nothing stored when there is no file.
  /// Errors   kFailedPrecondition, naming the file: unreadable or corrupt
  Result<AgentData> load() const;
  /// Replaces the file in one step, mode 0600. Errors   kUnavailable, naming the file
  Status store(const AgentData& data) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The agent's data as it is now, in memory and in the file. Safe from any thread.
class AgentState {
 public:
  AgentState(Host host, const std::string& data_dir) : host_(std::move(host)), file_(data_dir) {}

  /// As AgentDataFile::load().
  Status load();
  AgentData data() const;
  /// Applies the change and stores the whole; that this failed is logged and no more, as what is
  /// in memory is enough to go on.
  void keep(const std::function<void(AgentData&)>& change);
  /// Without its SVID the agent has to attest when it starts again.
  void forget_svid();

 private:
  const Host host_;
  const AgentDataFile file_;
  mutable std::mutex mutex_;  // guards data_ and the file
  AgentData data_;
};

}  // namespace signet::agent
