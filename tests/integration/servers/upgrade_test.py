"""Servers of several releases on one database, upgraded one by one under load.

The datastore plugin of the next release expands the schema, and older servers go on and may be
restarted. That of the release after it contracts the schema: those of the next go on, and an older
one that starts is refused. Both plugins are this one, knowing more migrations.
"""

import os
import unittest

from harness import deploy, paths, postgres
from harness.case import needs_signet
from harness.process import run
from harness.several import ALL, SeveralServers


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Upgrade(SeveralServers):
    def become(self, server, releases):
        """From its next start on the server is of so many releases after this one."""
        command = paths.BUILD / "test" / "plugins" / f"datastore-sql-later{releases}.so" if releases else None
        deploy.merge(server.over, {"plugins": {"DataStore sql": {"plugin_cmd": command and str(command)}}})
        server.config.write_text(deploy.hcl(server.settings()))

    def replace(self, server, releases):
        before = len(self.acknowledged())
        self.assertNotIn("level=error", server.process.text())
        self.assertEqual(server.stop(), 0)
        self.become(server, releases)
        server.start()
        self.check_verifier(f"{server.name} of release +{releases}")
        self.assertGreater(len(self.acknowledged()), before, "writes go on meanwhile")

    def task(self, server, word, code):
        done = run(deploy.argv("signet", "server", "datastore", word, "-config", server.config))
        self.assertEqual(done.code, code, done)
        return done.out

    def version(self):
        return int(self.database.sql("SELECT value FROM counter WHERE name = 'schema_version'", "signet"))

    def test_three_releases_one_server_after_the_other(self):
        self.begin()
        for n in range(3):
            self.servers[0].create_entry("/me" if n == 0 else f"/me{n}", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * 3, {"agent": {"experimental": {"connection_age": "2s"}}})
        self.load()
        self.verify_across(agents, 50)
        known = self.version()
        first, second, third = self.servers

        # The operator looks, then expands; those that run do not notice.
        self.become(first, 1)
        self.assertIn("run `signet server datastore migrate`", self.task(first, "check", 1))
        self.assertEqual(self.version(), known)
        self.assertIn(f"schema {known + 1}, up to date", self.task(first, "migrate", 0))
        self.replace(second, 0)
        self.assertIn("which can go on with it", self.task(second, "check", 0))
        for server in self.servers:
            self.replace(server, 1)
        self.wait_same_bundle("expanded", 5)

        # The first server of the release after that contracts when it starts.
        self.replace(first, 2)
        self.assertEqual(self.version(), known + 2)
        self.replace(second, 1)
        self.assertEqual(third.stop(), 0)
        self.become(third, 0)
        third.start(wait=False)
        self.assertNotEqual(third.process.wait_exit(20), 0)
        self.assertIn("run the newer program", third.process.text())
        self.become(third, 2)
        third.start()
        self.replace(second, 2)
        self.wait_same_bundle("contracted", 5)
        self.check_nothing_lost()
        self.assertEqual(self.finish_verifier()["refused"], 0)
        for server in (first, second):
            self.assertNotIn("level=error", server.process.text())


if __name__ == "__main__":
    unittest.main()
