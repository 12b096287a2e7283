// `signet server datastore import-spire`: what a role that was started for it does instead of
// serving.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "signet/host.h"

#include "config.h"

namespace signet::server {

class ImportTask {
 public:
  ImportTask(const Host& host, const ServerConfig& config) : host_(host), config_(config) {}
  ~ImportTask() { stop(); }
  ImportTask(const ImportTask&) = delete;
  ImportTask& operator=(const ImportTask&) = delete;

  /// Imports on a worker, since that may take longer than a start may; says on standard output what
  /// it finds and does, and has the process end: 0 when all is well, else 1 with the reason.
  Status start();
  /// Ends it between two batches; the next run goes on from there. Waits.
  void stop();

 private:
  void run();
  Status import();

  const Host host_;
  const ServerConfig config_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool running_ = false;  // guarded by mutex_
};

}  // namespace signet::server
