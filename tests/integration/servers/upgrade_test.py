"""Servers of two versions on one database: what a newer one does to the schema, under load.

A newer program first expands the schema, and the older ones go on and may be restarted. A later
release contracts it: who runs goes on, and an older one that starts is refused.
"""

import os
import time
import unittest

from harness import postgres
from harness.case import needs_signet
from harness.deploy import argv
from harness.process import run
from harness.several import ALL, SeveralServers

# As migrate() does it: one transaction under the lock of migrations, each table touched.
LOCK = ("SELECT pg_advisory_xact_lock((x'5369676e'::bigint << 32) | oid::bigint) FROM "
        "pg_catalog.pg_namespace WHERE nspname = current_schema()")
TABLES = ("entry", "agent", "bundle", "journal", "meta", "join_token", "federation", "tombstone")
EXPAND = ";".join([LOCK, *(f"ALTER TABLE {table} ADD COLUMN later BIGINT NOT NULL DEFAULT 0" for table in TABLES),
                   "CREATE TABLE later (row BIGINT PRIMARY KEY)", "CREATE INDEX entry_later ON entry (later)"])


def state(version, oldest):
    return ";".join(f"UPDATE counter SET value = {value} WHERE name = '{name}'"
                    for name, value in (("schema_version", version), ("oldest_program", oldest)))


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Upgrade(SeveralServers):
    def migrate(self, *statements):
        self.database.sql(";".join(["BEGIN", *statements, "COMMIT"]), "signet")

    def counter(self, name):
        return int(self.database.sql(f"SELECT value FROM counter WHERE name = '{name}'", "signet"))

    def test_older_servers_beside_a_newer_one(self):
        self.begin()
        for n in range(3):
            self.servers[0].create_entry("/me" if n == 0 else f"/me{n}", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * 3, {"agent": {"experimental": {"connection_age": "2s"}}})
        self.load()
        self.verify_across(agents, 50)
        known = self.counter("schema_version")
        self.migrate(EXPAND, state(known + 1, known))
        # Those that run do not notice, and each may be restarted beside the newer one.
        for server in self.servers:
            before = len(self.acknowledged())
            self.assertEqual(server.stop(), 0)
            server.start()
            checked = run(argv("signet", "server", "datastore", "check", "-config", server.config))
            self.assertEqual(checked.code, 0, checked)
            self.check_verifier(f"{server.name} restarted on the expanded schema")
            self.assertGreater(len(self.acknowledged()), before, "writes go on meanwhile")
        self.wait_same_bundle("expanded", 5)
        self.assertEqual(self.counter("schema_version"), known + 1, "an older program migrates nothing back")
        for server in self.servers:
            self.assertNotIn("level=error", server.process.text())

        self.migrate(*(f"ALTER TABLE {table} DROP COLUMN later" for table in TABLES), "DROP TABLE later",
                     state(known + 2, known + 1))
        time.sleep(1)
        self.check_verifier("the schema contracted")
        late = self.servers[2]
        self.assertEqual(late.stop(), 0)
        late.start(wait=False)
        self.assertNotEqual(late.process.wait_exit(20), 0)
        self.assertIn("run the newer program", late.process.text())
        acknowledged = self.acknowledged()
        for load in self.loads:
            load.terminate()
        for server in self.servers[:2]:
            self.assertLessEqual(acknowledged, self.present(server))
        self.assertEqual(self.finish_verifier()["refused"], 0)


if __name__ == "__main__":
    unittest.main()
