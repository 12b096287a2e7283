// FakeSpire: a SPIRE database in memory, as "signet.spire_source/1" gives it.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "signet/spire_source.h"
#include "signet/testing/fake_host.h"

namespace signet::server::testing {

class FakeSpire {
 public:
  using Cell = std::variant<std::string, std::int64_t>;
  struct Row {
    std::int64_t id;
    std::vector<Cell> cells;
  };
  std::map<std::uint32_t, std::vector<Row>> tables;  // rows by ascending ID
  std::string content = "as it was";
  bool idle = true;

  void add(std::uint32_t table, std::int64_t id, std::vector<Cell> cells) {
    tables[table].push_back({id, std::move(cells)});
  }

  static const signet_spire_source* table() {
    static const signet_spire_source kTable = {
        sizeof(signet_spire_source),
        0,
        [](signet_instance* i, signet_call* c, signet_bytes, std::uint32_t,
           signet_spire_reader** out) -> signet_status {
          *out = reinterpret_cast<signet_spire_reader*>(i);
          const signet_spire_database database = {sizeof(signet_spire_database), 0,
                                                  to_abi(std::string_view("a SPIRE database")), 25,
                                                  to_abi(self(*out).content)};
          c->ops->emit(c, SIGNET_KIND_SPIRE_DATABASE, &database, sizeof(database));
          return SIGNET_OK;
        },
        [](signet_spire_reader* r, signet_call* c, std::uint32_t table, std::int64_t after,
           std::int64_t upto, std::uint32_t limit) -> signet_status {
          std::uint32_t given = 0;
          for (const Row& row : self(r).tables[table]) {
            if (row.id <= after || row.id > upto) continue;
            if (limit != 0 && given++ == limit) break;
            std::vector<signet_spire_cell> cells;
            for (const Cell& cell : row.cells) {
              const auto* text = std::get_if<std::string>(&cell);
              cells.push_back({text ? bytes_to_abi(*text) : signet_bytes{},
                               text ? 0 : std::get<std::int64_t>(cell)});
            }
            const signet_spire_row message = {sizeof(signet_spire_row), table, row.id, cells.data(),
                                              cells.size()};
            c->ops->emit(c, SIGNET_KIND_SPIRE_ROW, &message, sizeof(message));
          }
          return SIGNET_OK;
        },
        [](signet_spire_reader* r, signet_call*) -> signet_status {
          return self(r).idle ? SIGNET_OK : SIGNET_FAILED_PRECONDITION;
        },
        [](signet_spire_reader*) {}};
    return &kTable;
  }
  signet_instance* instance() { return reinterpret_cast<signet_instance*>(this); }

 private:
  static FakeSpire& self(signet_spire_reader* r) { return *reinterpret_cast<FakeSpire*>(r); }
};

}  // namespace signet::server::testing
