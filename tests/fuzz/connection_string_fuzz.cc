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
  // What libpq may repeat of it.
  constexpr std::string_view kWord = "password=";
  if (const auto at = text.find(kWord); at != std::string_view::npos) {
    const auto secret = text.substr(at + kWord.size()).substr(0, 40);
    const auto plain = secret.substr(0, secret.find_first_of("' \\\t\n\r\f\v&%+"));
    const bool alone = plain.size() > 3 && text.starts_with(kWord) && plain.size() == secret.size();
    if (alone && read->redacted("say " + std::string(plain)).find(plain) != std::string::npos)
      std::abort();
  }
  return 0;
}
