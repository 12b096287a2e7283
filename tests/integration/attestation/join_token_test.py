"""Join tokens: used once, never written down, and not to be guessed."""

import os
import re
import unittest

from harness.case import TestCase, needs_signet
from harness.postgres import Postgres, installed
from harness.process import wait_until

AGENT = "spire.api.server.agent.v1.Agent/"
AGENTS = 100


@needs_signet
class JoinTokens(TestCase):
    def make(self, server, **request):
        answers, end = self.call(server, AGENT + "CreateJoinToken", {"ttl": 600, **request})
        self.assertEqual(end["code"], "OK", end)
        return answers[0]["value"]

    def join(self, server, token, folder="agent"):
        where = self.folder / folder
        where.mkdir(exist_ok=True)
        return self.spawn(f"join-{folder}", self.join_words(server, token, where))

    def join_words(self, server, token, where):
        return [self.probe_path(), "join", "-addr", f"127.0.0.1:{server.port}", "-token", token, "-dir", where]

    @unittest.skipUnless(installed(), "PostgreSQL is not installed")
    def test_of_a_hundred_agents_at_three_servers_one_wins(self):
        database = Postgres(self.folder / "postgres").start()
        self.nodes.insert(0, database)
        over = {"plugins": {"DataStore sql": database.data_store()}}
        servers = [self.server("signet", over, name=f"server{n}") for n in range(3)]
        token = self.make(servers[0])
        # All hold at a gate, which a writer opens for all of them.
        gate = self.folder / "gate"
        os.mkfifo(gate)
        agents = []
        for n in range(AGENTS):
            where = self.folder / f"agent{n}"
            where.mkdir()
            agents.append(self.spawn(f"join{n}", ["sh", "-c", ': <"$0"; exec "$@"', gate,
                                                  *self.join_words(servers[n % 3], token, where)]))
        with gate.open("w"):  # it stays open: one that comes late goes through, too
            codes = [agent.wait_exit(60) for agent in agents]
        texts = [agent.text() for agent in agents]
        self.assertEqual(codes.count(0), 1, [t for t in texts if "does not exist" not in t])
        said = [t for t, code in zip(texts, codes) if code]
        self.assertEqual([t for t in said if "join token does not exist or has already been used" not in t], [])
        answers, _ = self.call(servers[1], AGENT + "CountAgents", {})
        self.assertEqual(answers[0]["count"], 1)

    def test_a_token_is_in_no_log_and_in_no_database(self):
        server = self.server("signet", {"server": {"log_level": "TRACE", "audit_log_enabled": True}})
        chosen, of_the_server = self.make(server, token="chosen-by-the-operator"), self.make(server)
        unknown = "somebody-made-this-one-up"
        self.assertNotEqual(self.join(server, unknown).wait_exit(), 0)
        wait_until("the audit of both", lambda: server.process.text().count("token_sha256") >= 3, 10)
        files = [p for p in server.folder.rglob("*") if p.is_file()]
        self.assertIn(server.log, files)
        for token in (chosen, of_the_server, unknown):
            for path in files:
                self.assertNotIn(token.encode(), path.read_bytes(), path)

    def test_what_the_server_makes_cannot_be_guessed(self):
        """122 random bits: a UUID of version 4."""
        server = self.server("signet")
        tokens = {self.make(server) for _ in range(50)}
        self.assertEqual(len(tokens), 50)
        form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
        self.assertEqual([t for t in tokens if not form.fullmatch(t)], [])
        # No bit but the six that say version and variant is the same in all of them.
        numbers = [int(t.replace("-", ""), 16) for t in tokens]
        always, never = numbers[0], ~numbers[0]
        for number in numbers:
            always, never = always & number, never & ~number
        self.assertEqual(((always | never) & (2**128 - 1)).bit_count(), 6)

    def test_a_short_token_of_the_callers_is_warned_of(self):
        server = self.server("signet")
        warning = "Join token chosen by the caller is short"
        self.make(server, token="sixteen-letters.")
        self.assertNotIn(warning, server.process.text())
        self.make(server, token="fifteen-letters")
        server.process.wait_log(warning)
        self.assertNotIn("fifteen-letters", server.process.text())


if __name__ == "__main__":
    unittest.main()
