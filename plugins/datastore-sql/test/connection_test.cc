// What lies between the store and PostgreSQL: connection strings, TLS, poolers.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config.h"
#include "postgres_fixture.h"
#include "store_helpers.h"

namespace signet::datastore_sql {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PostgresConnection, StringsInBothFormsAreRead) {
  for (const char* text : {"host=db port=5433 dbname=signet user=u password=hunter2",
                           "postgres://u:hunter2@db:5433/signet?sslmode=verify-full",
                           "postgresql://u:hunter2@db:5433/signet"}) {
    const auto read = ConnectionString::parse(text, {});
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->name(), "db:5433/signet");
    EXPECT_THAT(read->to_libpq(), HasSubstr("password='hunter2'"));
    EXPECT_THAT(read->to_libpq(), HasSubstr("target_session_attrs='read-write'"));
    EXPECT_EQ(read->redacted("FATAL: hunter2 is wrong\n"), "FATAL: *** is wrong");
  }
  const auto several = ConnectionString::parse("host=a,b port=1,2 dbname=d connect_timeout=9", {});
  EXPECT_EQ(several->name(), "a,b:1,2/d");
  EXPECT_THAT(several->to_libpq(), HasSubstr("connect_timeout='9'"));
  EXPECT_THAT(several->for_any_session().to_libpq(), HasSubstr("target_session_attrs='any'"));
  const auto odd = ConnectionString::parse(R"(dbname='it\'s' password='a\\b c')", {});
  EXPECT_TRUE(ConnectionString::parse(odd->to_libpq(), {})->to_libpq() == odd->to_libpq());
  for (const char* bad :
       {"password=hunter2 colour=red", "hunter2", "postgres://u:hunter2@[::1/d"}) {
    const auto refused = ConnectionString::parse(bad, {});
    EXPECT_EQ(refused.status().code(), Code::kInvalidArgument) << bad;
    EXPECT_THAT(refused.status().to_string(), Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(ConnectionString::parse(std::string_view("host=db\0 dbname=d", 17), {}));
}

TEST(PostgresConnection, ARootThatNobodyWouldLookAtIsRefused) {
  const ConnectionString::Tls tls = {"/etc/ca.pem", "/etc/cert.pem", "/etc/key.pem"};
  const auto read = ConnectionString::parse("host=db", tls);
  EXPECT_THAT(read->to_libpq(), HasSubstr("sslmode='verify-full'"));
  EXPECT_THAT(read->to_libpq(), HasSubstr("sslrootcert='/etc/ca.pem'"));
  EXPECT_THAT(read->to_libpq(), HasSubstr("sslcert='/etc/cert.pem'"));
  EXPECT_THAT(read->to_libpq(), HasSubstr("sslkey='/etc/key.pem'"));
  EXPECT_TRUE(ConnectionString::parse("host=db sslmode=verify-ca", tls));
  for (const char* mode : {"disable", "allow", "prefer", "require"}) {
    const auto refused = ConnectionString::parse(std::string("host=db sslmode=") + mode, tls);
    EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(refused.status().message(), HasSubstr("use verify-full"));
  }
}

TEST(PostgresConfigTest, ReadsItsSettings) {
  const auto config = parse_config(
      R"({"database_type":"postgres","connection_string":"host=db dbname=d","max_open_conns":5,
          "ro_connection_string":"host=replica dbname=d","root_ca_path":"/ca",
          "max_idle_conns":2,"conn_max_lifetime":"90s","disable_migration":true})");
  ASSERT_TRUE(config) << config.status().to_string();
  const auto& postgres = std::get<PostgresConfig>(config->database);
  EXPECT_EQ(postgres.where.name(), "db:5432/d");
  EXPECT_EQ(postgres.replica->name(), "replica:5432/d");
  EXPECT_THAT(postgres.replica->to_libpq(), HasSubstr("sslrootcert='/ca'"));
  EXPECT_EQ(postgres.max_connections, 5u);
  EXPECT_EQ(postgres.max_idle_connections, 2u);
  EXPECT_EQ(postgres.max_lifetime, std::chrono::seconds(90));
  EXPECT_TRUE(config->disable_migration);
}

void must_run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c): a shell with the words of this file and a folder of the fixture
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

TEST(PostgresConnection, TlsIsCheckedAgainstTheRootGiven) {
  PostgresServer::Options options;
  options.tcp = true;
  PostgresServer server(options);
  const std::string folder = server.folder();
  const std::string data = folder + "/data";
  for (const char* name : {"server", "other"}) {
    must_run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
        folder + "/" + name + ".key -out " + folder + "/" + name + ".crt");
  }
  must_run("cp " + folder + "/server.key " + folder + "/server.crt " + data + " && chmod 600 " +
           data + "/server.key && chown --reference=" + data + " " + data + "/server.key " + data +
           "/server.crt");
  server.sql("postgres", "ALTER SYSTEM SET ssl = on");
  server.sql("postgres", "SELECT pg_reload_conf()");
  const std::string database = database_of(server.new_database());
  ASSERT_TRUE(eventually([&] { return server.sql("postgres", "SHOW ssl") == "on"; }));
  const std::string where =
      "host=localhost hostaddr=127.0.0.1 port=" + std::to_string(server.port()) +
      " user=signet dbname=" + database;
  const auto opened = [&](const std::string& text, const std::string& root) {
    auto store_settings = store_options(where);
    store_settings.where = *ConnectionString::parse(text, {folder + "/" + root, "", ""});
    return PostgresStore::open(std::move(store_settings)).status();
  };
  EXPECT_TRUE(eventually([&] { return opened(where, "server.crt").ok(); }))
      << opened(where, "server.crt").to_string();
  EXPECT_EQ(opened(where, "other.crt").code(), Code::kUnavailable);
  EXPECT_THAT(opened(where, "other.crt").message(), HasSubstr("certificate verify failed"));
  std::string elsewhere = where;
  elsewhere.replace(elsewhere.find("host=localhost"), 14, "host=db.example.org");
  EXPECT_EQ(opened(elsewhere, "server.crt").code(), Code::kUnavailable) << "another name";
  EXPECT_TRUE(opened(elsewhere + " sslmode=verify-ca", "server.crt").ok());
}

TEST(PostgresConnection, APoolerThatGivesASessionPerTransactionWorks) {
  if (!Pooler::installed()) GTEST_SKIP() << "pgbouncer is not installed";
  PostgresServer& server = PostgresServer::shared();
  const std::string direct = server.new_database();
  const Pooler pooler(server);
  const std::string pooled = pooler.where(database_of(direct));
  auto a = PostgresStore::open(store_options(pooled));
  ASSERT_TRUE(a) << a.status().to_string();
  auto b = PostgresStore::open(store_options(pooled));
  ASSERT_TRUE(b) << b.status().to_string();
  auto c = PostgresStore::open(store_options(direct));
  ASSERT_TRUE(c) << c.status().to_string();
  // Statements of many clients on three sessions: one that was prepared would not be found.
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      Store& store = t % 2 == 0 ? **a : **b;
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(t) + "." + std::to_string(i);
        EXPECT_NE(put_alone(store, "entry", id, "b", {{"selector", "a:" + id}}), 0u);
        EXPECT_TRUE(get_alone(store, "entry", id));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto latest = (*c)->latest_revision();
  EXPECT_TRUE(eventually([&] { return (*a)->latest_revision() == (*b)->latest_revision(); }));
  EXPECT_LE(latest, 120u);
  EXPECT_EQ(changes(**a, 0)->size(), 120u);
  Query all;
  all.kind = "entry";
  EXPECT_EQ(ids(*must_begin(**b, Mode::kRead), all).size(), 120u);
  // What is written elsewhere is found by asking.
  const auto revision = put_alone(**c, "entry", "direct");
  EXPECT_EQ(*(*b)->ask_latest(kWait), revision);
  EXPECT_TRUE(eventually([&] { return (*a)->latest_revision() == revision; }));
  auto holder = must_begin(**a, Mode::kRead);
  EXPECT_TRUE(holder->claim("prune").ok());
  EXPECT_EQ(must_begin(**b, Mode::kRead)->claim("prune").code(), Code::kAborted);
  holder.reset();
  EXPECT_TRUE(must_begin(**b, Mode::kRead)->claim("prune").ok());
}

// No word of a change comes through a pooler: a reader asks every 250 ms.
TEST(PostgresConnection, BehindAPoolerAReaderIsAtMostAQuarterOfASecondLate) {
  if (!Pooler::installed()) GTEST_SKIP() << "pgbouncer is not installed";
  PostgresServer& server = PostgresServer::shared();
  const std::string direct = server.new_database();
  const Pooler pooler(server);
  auto writer = PostgresStore::open(store_options(direct));
  ASSERT_TRUE(writer) << writer.status().to_string();
  auto reader = PostgresStore::open(store_options(pooler.where(database_of(direct))));
  ASSERT_TRUE(reader) << reader.status().to_string();
  std::vector<std::chrono::steady_clock::duration> late;
  for (int i = 0; i < 4; ++i) {
    const auto revision = put_alone(**writer, "entry", std::to_string(i));
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return (*reader)->latest_revision() >= revision; }));
    late.push_back(std::chrono::steady_clock::now() - began);
  }
  std::sort(late.begin(), late.end());  // beside one of them the machine may stand still
  EXPECT_LT(late[2], 5 * std::chrono::milliseconds(250));
}

}  // namespace
}  // namespace signet::datastore_sql
