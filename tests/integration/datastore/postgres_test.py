"""The whole server on PostgreSQL: entries, restarts, a database that goes away, two servers."""

import json
import re
import time
import unittest

from harness import paths, postgres
from harness.case import TestCase, needs_signet
from harness.deploy import argv, hcl
from harness.process import run, wait_until

CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"


@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed (postgresql-15)")
@needs_signet
class OnPostgres(TestCase):
    def setUp(self):
        self.database = postgres.Postgres(self.folder / "pg").start()
        self.addCleanup(self.database.kill)
        self.where = self.database.new_database("signet")

    def over(self, **settings):
        return {"plugins": {"DataStore sql": {"plugin_data": {
            "database_type": "postgres", "connection_string": self.where, **settings}}}}

    def create(self, server, name):
        return server.create_entry(f"/{name}", "/node", [f"unix:user:{name}"])

    def listed(self, server):
        shown = json.loads(server.must("entry", "show", "-output", "json").out)
        return {entry["spiffe_id"]["path"] for entry in shown["entries"]}

    def test_the_plugin_keeps_its_contract(self):
        own = self.over()["plugins"]["DataStore sql"]["plugin_data"]
        result = run([paths.BUILD / "test" / "datastore-conformance",
                      "--plugin", paths.PLUGINS / "datastore-sql.so", "--config", json.dumps(own)],
                     seconds=60)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("SKIPPED", result.out, result)

    def test_entries_survive_restarts_of_server_and_database(self):
        server = self.server("signet", self.over())
        self.create(server, "a")
        server.process.kill()
        server.start()
        self.assertEqual(self.listed(server), {"/a"})
        self.database.kill()
        self.database.start()
        wait_until("the server to have its database again",
                   lambda: server.cli("entry", "create", "-spiffeID", "spiffe://example.org/b",
                                      "-parentID", "spiffe://example.org/node",
                                      "-selector", "unix:user:b").code == 0)
        self.assertEqual(self.listed(server), {"/a", "/b"})
        self.assertEqual(server.process.terminate(), 0)

    def test_a_restart_reads_from_the_replica_and_knows_what_that_lacks(self):
        """A copy that is never brought up to date stands for a replica that lags far behind."""
        server = self.server("signet", self.over())
        ids = {name: self.create(server, name) for name in ("kept", "deleted", "changed")}
        server.stop()
        self.database.sql("CREATE DATABASE behind TEMPLATE signet")
        server.start()
        self.create(server, "new")
        server.must("entry", "delete", "-entryID", ids["deleted"])
        server.must("entry", "update", "-entryID", ids["changed"], "-spiffeID",
                    "spiffe://example.org/changed-too", "-parentID", "spiffe://example.org/node",
                    "-selector", "unix:user:x")
        server.stop()
        server.over = self.over(ro_connection_string=self.database.where("behind"))
        server.start()
        # Listed from the datastore; what an agent may have comes from what was loaded.
        self.assertEqual(self.listed(server), {"/kept", "/changed-too", "/new"})
        agent = self.agent("signet", server)
        wait_until("the agent's entries", lambda: agent.process.text().count("SVID updated") >= 4)
        served = set(re.findall(r'SVID updated.*spiffe_id="spiffe://example.org(/[^"]*)"', agent.process.text()))
        self.assertEqual(served, {"/kept", "/changed-too", "/new", "/node"})
        # PostgreSQL's statistics come a moment later.
        read = ("SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0) "
                "FROM pg_stat_user_tables WHERE relname <> 'counter'")
        wait_until("the entries to have been read from the replica",
                   lambda: int(self.database.sql(read, "behind")) >= 3)
        self.assertNotIn("Loading what may be stale failed", server.process.text())

    def test_a_database_that_is_away_fails_writes_quickly_and_comes_back(self):
        server = self.server("signet", self.over())
        self.create(server, "a")
        self.database.kill()
        began = time.monotonic()
        answers, end = self.call(server, CREATE, {"entries": [{
            "spiffe_id": {"trust_domain": "example.org", "path": "/b"},
            "parent_id": {"trust_domain": "example.org", "path": "/node"},
            "selectors": [{"type": "unix", "value": "user:b"}]}]})
        self.assertLess(time.monotonic() - began, 5)
        code = end["code"] if end["code"] != "OK" else answers[0]["results"][0]["status"]["code"]
        self.assertIn(code, ("UNAVAILABLE", 14))
        self.assertTrue(server.process.running())
        server.process.wait_log("Datastore is away")
        # Its authorities cannot be withdrawn now: it stays, and serves agents as before.
        left = server.cli("leave")
        self.assertEqual(left.code, 1, left)
        self.assertIn("could not leave the trust domain", left.err)
        self.assertEqual(server.cli("healthcheck").code, 0)
        server.must("x509", "mint", "-spiffeID", "spiffe://example.org/x")
        self.database.start()
        server.process.wait_log("Datastore is back")
        self.agent("signet", server)
        self.create(server, "c")
        self.assertLessEqual({"/a", "/c"}, self.listed(server))

    def test_two_servers_see_each_others_changes(self):
        first = self.server("signet", self.over())
        second = self.server("signet", self.over())
        made = self.create(first, "of-the-first")
        wait_until("the second server to know it",
                   lambda: "/of-the-first" in self.listed(second), 5)
        self.create(second, "of-the-second")
        wait_until("the first server to know it",
                   lambda: "/of-the-second" in self.listed(first), 5)
        first.process.kill()
        second.must("entry", "delete", "-entryID", made)
        first.start()
        self.assertEqual(self.listed(first), {"/of-the-second"})

    def test_no_password_is_in_the_log(self):
        server = self.server("signet", self.over(
            connection_string=self.where + " password=hunter2hunter2", log_sql=True))
        self.create(server, "a")
        self.database.kill()
        server.process.wait_log("Datastore is away")
        self.database.start()
        server.process.wait_log("Datastore is back")
        self.assertIn("SQL statement", server.process.text())
        self.assertNotIn("hunter2", server.process.text())


@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed (postgresql-15)")
@needs_signet
class DatastoreCommands(TestCase):
    def task(self, server, word):
        server.port = 0
        server.config.write_text(hcl(server.settings()))
        return run(argv("signet", "server", "datastore", word, "-config", server.config),
                   cwd=server.folder)

    def node(self, **plugin_data):
        return self.server("signet", {"plugins": {"DataStore sql": {"plugin_data": plugin_data}}},
                           start=False)

    def test_on_postgres(self):
        database = postgres.Postgres(self.folder / "pg").start()
        self.addCleanup(database.kill)
        where = database.new_database("signet")
        server = self.node(database_type="postgres", connection_string=where)
        seen = self.task(server, "check")
        self.assertEqual((seen.code, "no tables yet" in seen.out), (0, True), seen)
        self.assertEqual(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
                                      "signet"), "0", "it only looks")
        made = self.task(server, "migrate")
        self.assertEqual((made.code, "up to date" in made.out), (0, True), made)
        seen = self.task(server, "check")
        self.assertEqual((seen.code, "up to date" in seen.out), (0, True), seen)
        database.sql("UPDATE counter SET value = 999 WHERE name IN ('schema_version', "
                     "'oldest_program')", "signet")
        newer = self.task(server, "check")
        self.assertEqual((newer.code, "run the newer program" in newer.err), (1, True), newer)
        database.kill()
        away = self.task(server, "check")
        self.assertEqual((away.code, "cannot reach PostgreSQL" in away.err), (1, True), away)

    def test_on_sqlite(self):
        file = self.folder / "own.sqlite3"
        server = self.node(database_type="sqlite3", connection_string=str(file))
        seen = self.task(server, "check")
        self.assertEqual((seen.code, "no tables yet" in seen.out), (0, True), seen)
        self.assertFalse(file.exists(), "it only looks")
        made = self.task(server, "migrate")
        self.assertEqual((made.code, "up to date" in made.out), (0, True), made)

    def test_a_spire_database_is_refused_with_the_command_that_imports_it(self):
        database = postgres.Postgres(self.folder / "pg").start()
        self.addCleanup(database.kill)
        where = database.new_database("spire")
        database.sql("CREATE TABLE migrations (version INTEGER); INSERT INTO migrations VALUES (25);"
                     "CREATE TABLE registered_entries (id INTEGER)", "spire")
        server = self.node(database_type="postgres", connection_string=where)
        for words in (["datastore", "check"], ["datastore", "migrate"], ["run"]):
            self.task(server, "check")  # writes the configuration
            done = run(argv("signet", "server", *words, "-config", server.config),
                       cwd=server.folder)
            self.assertEqual(done.code, 1, done)
            self.assertIn("signet server datastore import-spire -config FILE -spireConfig FILE",
                          done.err)
        self.assertEqual(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
                                      "spire"), "2")


if __name__ == "__main__":
    unittest.main()
