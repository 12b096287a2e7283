#include "api_status.h"

#include "change_follower.h"

namespace signet::server {

Status api_error(const Host& host, Code code, std::string message, const Status& cause) {
  std::string line = message;
  if (code == Code::kInvalidArgument) {
    line.insert(0, "Invalid argument: ");
  } else if (!line.empty() && line[0] >= 'a' && line[0] <= 'z') {
    line[0] = static_cast<char>(line[0] - 'a' + 'A');
  }
  if (cause.ok()) {
    host.error(line);
  } else {
    host.log_status(LogLevel::kError, line, cause);
  }
  if (!cause.ok() && code != Code::kNotFound) message.append(": ").append(cause.message());
  return Status(code, std::move(message));
}

Status store_error(const Host& host, std::string message, const Status& cause) {
  return api_error(host, ChangeFollower::is_away(cause) ? Code::kUnavailable : Code::kInternal,
                   std::move(message), cause);
}

void fill_status(const Status& status, spire::api::types::Status* out) {
  out->set_code(static_cast<int>(status.code()));
  out->set_message(status.ok() ? "OK" : status.message());
}

}  // namespace signet::server
