// ConnectionString: how PostgreSQL is reached, made whole and without secrets in words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/status.h"

namespace signet::datastore_sql {

class ConnectionString {
 public:
  // The settings beside the string; what the string says itself wins.
  struct Tls {
    std::string root_ca_path;
    std::string client_cert_path;
    std::string client_key_path;
  };

  /// Reads keyword/value pairs or a postgres:// URI, as libpq does.
  /// Errors   kInvalidArgument: not such a string; root_ca_path with an sslmode that would not
  ///          look at it. Never a word of the string itself.
  static Result<ConnectionString> parse(std::string_view text, const Tls& tls);

  /// The same server, any that can be reached, read-only or not.
  ConnectionString for_any_session() const;

  /// As keyword/value pairs for libpq, with what we always ask for. Holds the password.
  std::string to_libpq() const;
  /// "host:port/dbname": what a log may say.
  const std::string& name() const { return name_; }
  /// `text` with every secret of the string struck out.
  std::string redacted(std::string_view text) const;

  bool operator==(const ConnectionString&) const = default;

 private:
  std::string value(std::string_view key) const;
  void set_default(std::string_view key, std::string_view value);

  std::vector<std::pair<std::string, std::string>> values_;
  std::string name_;
};

}  // namespace signet::datastore_sql
