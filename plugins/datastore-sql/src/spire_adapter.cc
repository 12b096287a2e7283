// The C table of "signet.spire_source/1".
#include <exception>
#include <vector>

#include "settings/settings.h"
#include "spire_database.h"
#include "spire_tables.h"
#include "sql_datastore.h"

namespace signet::datastore_sql {
namespace {

SpireDatabase& database_of(signet_spire_reader* reader) {
  return *reinterpret_cast<SpireDatabase*>(reader);
}

signet_status open(signet_instance* instance, signet_call* abi_call, signet_bytes settings,
                   std::uint32_t flags, signet_spire_reader** out) {
  return guarded(abi_call, [&]() -> Status {
    *out = nullptr;
    auto config = parse_config(view(settings));
    if (!config) return config.status().prefixed("SPIRE's DataStore");
    const SpireDatabase::Options options = {
        (flags & SIGNET_SPIRE_LIVE) != 0,
        settings::shared_text(plugin_cast<SqlDatastore>(instance).host(), "data_dir")};
    SIGNET_TRY(auto database, SpireDatabase::open(*config, options));
    const signet_spire_database message = {sizeof(signet_spire_database), 0,
                                           to_abi(database->name()), database->schema(),
                                           to_abi(database->content())};
    Call(abi_call).emit(SIGNET_KIND_SPIRE_DATABASE, message);
    *out = reinterpret_cast<signet_spire_reader*>(database.release());
    return {};
  });
}

signet_status read(signet_spire_reader* reader, signet_call* abi_call, std::uint32_t number,
                   std::int64_t after, std::int64_t upto, std::uint32_t limit) {
  return guarded(abi_call, [&]() -> Status {
    SpireDatabase& database = database_of(reader);
    SIGNET_TRY(const SpireTable* table, spire_table(number));
    sql::Connection& connection = database.connection();
    SIGNET_TRY(auto statement, connection.prepare(spire_select(*table, connection.dialect(),
                                                               database.schema(), limit != 0)));
    statement->bind(after).bind(upto);
    if (limit != 0) statement->bind(static_cast<std::int64_t>(limit));
    std::vector<signet_spire_cell> cells(table->columns.size());
    for (;;) {
      SIGNET_TRY(const bool row, statement->step());
      if (!row) return {};
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const int column = static_cast<int>(i) + 1;
        const bool text = table->columns[i].kind == SpireColumn::Kind::kText;
        cells[i] = {text ? bytes_to_abi(statement->blob(column)) : signet_bytes{},
                    text ? 0 : statement->integer(column)};
      }
      const signet_spire_row message = {sizeof(signet_spire_row), number, statement->integer(0),
                                        cells.data(), cells.size()};
      if (!Call(abi_call).emit(SIGNET_KIND_SPIRE_ROW, message)) {
        return Status::cancelled("the caller takes no more rows");
      }
    }
  });
}

signet_status check_idle(signet_spire_reader* reader, signet_call* abi_call) {
  return guarded(abi_call, [&] { return database_of(reader).check_idle(); });
}

}  // namespace

const signet_spire_source* spire_source_table() {
  static const signet_spire_source kTable = {
      sizeof(signet_spire_source), 0, open, read, check_idle, [](signet_spire_reader* reader) {
        delete &database_of(reader);
      }};
  return &kTable;
}

}  // namespace signet::datastore_sql
