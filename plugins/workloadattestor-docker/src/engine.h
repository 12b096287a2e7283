// Engine: one container engine, Docker or Podman, by the API on its Unix socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "signet/fd.h"
#include "signet/status.h"

namespace signet::docker {

class Engine {
 public:
  /// Opens the socket's path, without connecting.
  /// owner   whose socket it must be, and no symbolic link; nothing: whosever it is
  /// version API version, "" for the engine's own
  /// Errors  kUnavailable: there is none; kPermissionDenied: it is somebody else's, or this
  ///         process may not connect to it
  static Result<Engine> open(const std::string& path, std::optional<std::uint32_t> owner,
                             std::string version);

  /// The body of GET /containers/ID/json and /images/ID/json. Blocks.
  /// Errors   kInvalidArgument: an ID that cannot be one; as http::get() has them
  Result<std::string> inspect_container(const std::string& id,
                                        std::chrono::milliseconds timeout) const;
  Result<std::string> inspect_image(const std::string& id, std::chrono::milliseconds timeout) const;

 private:
  Engine(std::string path, Fd socket, std::string version)
      : path_(std::move(path)), socket_(std::move(socket)), version_(std::move(version)) {}
  std::string held() const;  // a path that leads to the socket that is held
  Result<std::string> get(const char* kind, const std::string& id,
                          std::chrono::milliseconds timeout) const;

  std::string path_;
  Fd socket_;  // the path, held: nobody can put another socket there before it is connected to
  std::string version_;
};

}  // namespace signet::docker
