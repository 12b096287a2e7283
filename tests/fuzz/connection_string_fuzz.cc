// How PostgreSQL is reached: libpq reads the string, and what we make of it must mean the same to
// libpq again and never carry its secrets into words.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "../../plugins/datastore-sql/src/connection_string.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::datastore_sql::ConnectionString;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = ConnectionString::parse(text, {});
  if (!read) return 0;
  const auto again = ConnectionString::parse(read->to_libpq(), {});
  if (!again || !(*again == *read)) std::abort();
  const std::string any = read->for_any_session().to_libpq();
  if (!ConnectionString::parse(any, {})) std::abort();
  constexpr std::string_view kWord = "password=";
  if (text.starts_with(kWord)) {
    const auto secret = text.substr(kWord.size());
    // Not one that is quoted or followed by another setting.
    const bool alone = secret.size() > 3 && secret.find_first_of("'\\ \t\n\r\f\v") == secret.npos;
    if (alone && read->redacted(secret).find(secret) != std::string::npos) std::abort();
  }
  return 0;
}
