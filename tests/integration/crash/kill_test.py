"""kill -9 of the server or the agent at random points under load.

What the server has acknowledged is there after its restart, the authorities and their order are the
same, the agent comes back by itself, a killed agent starts without a new token, and no file is torn.
8 kills in every CI run, 50 in `scripts/test.sh long kill9`; SIGNET_TEST_SEED repeats a run.
"""

import json
import os
import random
import sqlite3
import time
import unittest

from harness import paths
from harness.case import OUR_UID, TestCase
from harness.process import wait_until

IMPL = os.environ.get("SIGNET_TEST_IMPL", "signet")  # `spire` shows that the test itself is right
KILLS = 50 if paths.long_run() else 8
TD = "spiffe://example.org"


@unittest.skipUnless(IMPL != "signet" or paths.have_signet(), "signet is not built")
class KillNine(TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SIGNET_TEST_SEED", random.SystemRandom().randrange(2**32)))
        self.random = random.Random(self.seed)
        print(f"    seed {self.seed}, {KILLS} kills")

    def slots(self, server, kind):
        """Which of this server's authorities is active, prepared and old."""
        shown = json.loads(server.must("localauthority", kind, "show", "-output", "json").out)
        return {slot: shown[slot]["authority_id"] for slot in ("active", "prepared", "old") if shown.get(slot)}

    def authorities(self, server):
        """The X.509 authorities in their order, the JWT authorities' ids in theirs, and what each is."""
        bundle = json.loads(server.must("bundle", "show", "-output", "json").out)
        return ([a["asn1"] for a in bundle["x509_authorities"]],
                [a["key_id"] for a in bundle["jwt_authorities"]],
                self.slots(server, "x509"), self.slots(server, "jwt"))

    def turn(self, server):
        """A step in the life of an authority. An X.509 one only signs when every agent has it, and a
        server that was killed does not know that for two minutes: so it is prepared and no more."""
        kind = self.random.choice(["jwt", "jwt", "x509"])
        known = self.slots(server, kind)
        if kind == "jwt" and "prepared" in known:
            server.must("localauthority", kind, "activate", "-authorityID", known["prepared"])
        else:
            server.must("localauthority", kind, "prepare")
        self.turns += 1

    def acknowledged(self, load):
        return {i for line in self.json_lines(load) for i in line["acknowledged"]}

    def present(self, server):
        answers, end = self.call(server, "spire.api.server.entry.v1.Entry/ListEntries",
                                 {"output_mask": {"spiffe_id": True}, "page_size": 0})
        self.assertEqual(end["code"], "OK", end)
        return {e["id"] for e in answers[0].get("entries", [])}

    def check_files(self, server, agent):
        """No half-written file. Asked of the files as they lie there after the kill."""
        for path in [*server.data.rglob("*.json"), *agent.data.rglob("*.json")]:
            json.loads(path.read_text())
        for path in [*server.data.rglob("*.tmp*"), *agent.data.rglob("*.tmp*")]:
            # A temporary file may lie about after a crash, but not pile up.
            self.leftovers.add(path)
        self.assertLess(len(self.leftovers), 20)

    def test_nothing_acknowledged_is_lost(self):
        self.leftovers, self.turns = set(), 0
        server = self.server(IMPL)
        agent = self.agent(IMPL, server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        server.create_entry("/me", "/node", [OUR_UID], "-entryID", "me")
        self.wait_ids(agent, [f"{TD}/me"])
        load = self.watch("load", "create-loop", "-socket", server.socket, "-parent", "/elsewhere",
                          "-pause", "20ms")
        wait_until("the load", lambda: self.acknowledged(load))
        ready = []
        for n in range(KILLS):
            if n == 0 or self.random.random() < 0.5:
                self.turn(server)
                before = self.authorities(server)
            victim = self.random.choice([server, server, agent])
            time.sleep(self.random.uniform(0.0, 1.5))
            victim.kill()
            self.check_files(server, agent)
            promised = self.acknowledged(load)
            began = time.monotonic()
            # Sometimes it is killed again while it starts.
            if self.random.random() < 0.3:
                self.restart(victim, wait=False)
                time.sleep(self.random.uniform(0.0, 0.5))
                victim.kill()
                self.check_files(server, agent)
            self.restart(victim)
            ready.append(time.monotonic() - began)
            missing = promised - self.present(server)
            self.assertFalse(missing, f"kill {n} of {victim.name}: {len(missing)} of {len(promised)} lost")
            self.assertEqual(self.authorities(server), before, f"kill {n} of {victim.name}")
            self.assertTrue(agent.process.running(), "the agent lives through the server's end")
            self.wait_ids(agent, [f"{TD}/me"], seconds=30)
        load.terminate()
        # The agent has come back by itself: something new reaches it.
        server.create_entry("/new", "/node", [OUR_UID])
        self.wait_ids(agent, [f"{TD}/me", f"{TD}/new"], seconds=60)
        promised = self.acknowledged(load)
        self.assertFalse(promised - self.present(server))
        server.stop()
        for path in server.data.rglob("*.sqlite3"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                self.assertEqual(db.execute("pragma integrity_check").fetchone(), ("ok",))
        self.figures(kills=KILLS, authorities_turned=self.turns, acknowledged=len(promised), lost=0,
                     restart_seconds_max=round(max(ready), 2))

    @staticmethod
    def restart(node, wait=True):
        if hasattr(node, "server"):
            node.start(token=None, wait=wait)
        else:
            node.start(wait=wait)


if __name__ == "__main__":
    unittest.main()
