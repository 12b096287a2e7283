#include "cli/minting.h"

#include "cli/go_text.h"

namespace signet::server::cli {

void warn_when_capped(const signet::cli::Io& io, const std::string& what, std::int64_t expires_at,
                      std::chrono::nanoseconds asked) {
  const std::chrono::sys_seconds end{std::chrono::seconds(expires_at)};
  if (end - std::chrono::system_clock::now() >= asked) return;
  io.err(what + " lifetime was capped shorter than specified ttl; expires \"" +
         signet::cli::rfc3339_utc(expires_at) + "\"\n");
}

}  // namespace signet::server::cli
