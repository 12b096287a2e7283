"""Changes are told to our agents as they are committed, on their own server or on another one.

The sync interval is an hour: whatever arrives was told.
"""

import datetime
import json
import statistics
import time
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until
from harness.several import ADDRESSES, SeveralServers

TD = "spiffe://example.org"
NEVER = {"agent": {"experimental": {"sync_interval": "1h"}}}
GUARD = 5 * 0.250  # seconds: five times what may be the slowest of a hundred
STALLS = 2  # changes beside which the machine may stand still


class Delivery(TestCase):
    def stream(self, agent, first):
        """An open stream of go-spiffe that has this identity: a function that gives its updates so far, as
        (time, IDs)."""
        process = self.watch(f"stream-{agent.name}", "watch-x509", "-socket", agent.socket, "-timeout", "120s")

        def updates():
            return [(datetime.datetime.fromisoformat(line["time"]).timestamp(),
                     {s["spiffe_id"] for s in line["svids"]}) for line in self.json_lines(process) if "svids" in line]
        wait_until("the stream to open", lambda: any(first in ids for _, ids in updates()), 20)
        return updates

    def arrives(self, updates, spiffe_id, gone=False, seconds=10):
        """Waits until the stream's latest update has the identity, or not; when that update came."""
        def there():
            return updates() and (spiffe_id in updates()[-1][1]) != gone
        wait_until(f"{spiffe_id} to be {'gone' if gone else 'there'}", there, seconds, 0.005)
        return next(at for at, ids in updates() if (spiffe_id in ids) != gone)


@needs_signet
class OneServer(Delivery):
    def setUp(self):
        self.s = self.server("signet")
        self.s.create_entry("/base", "/node", [OUR_UID])
        self.a = self.agent("signet", self.s, NEVER)
        self.updates = self.stream(self.a, f"{TD}/base")

    def test_entries_come_change_and_go(self):
        entry = self.s.create_entry("/one", "/node", [OUR_UID])
        self.arrives(self.updates, f"{TD}/one")
        self.s.must("entry", "update", "-entryID", entry, "-spiffeID", f"{TD}/two", "-parentID", f"{TD}/node",
                    "-selector", OUR_UID)
        self.arrives(self.updates, f"{TD}/two")
        self.assertNotIn(f"{TD}/one", self.updates()[-1][1])
        self.s.must("entry", "delete", "-entryID", entry)
        self.arrives(self.updates, f"{TD}/two", gone=True)

    def test_what_hangs_from_an_entry_comes_and_goes_with_it(self):
        self.s.create_entry("/below", "/middle", [OUR_UID])
        self.s.create_entry("/sign", "/node", [OUR_UID])  # whatever came before it was told before it
        self.arrives(self.updates, f"{TD}/sign")
        self.assertNotIn(f"{TD}/below", self.updates()[-1][1])
        middle = self.s.create_entry("/middle", "/node", ["unix:uid:4711"])
        self.arrives(self.updates, f"{TD}/below")
        self.s.must("entry", "delete", "-entryID", middle)
        self.arrives(self.updates, f"{TD}/below", gone=True)

    def test_a_prepared_authority_is_in_the_bundle(self):
        before = self.bundle()
        self.s.must("localauthority", "x509", "prepare")
        self.s.must("localauthority", "jwt", "prepare")
        wait_until("the new authorities", lambda: all(len(self.bundle()[kind]) > len(before[kind])
                                                      for kind in ("x509", "jwt")), 10, 0.05)

    def bundle(self):
        _, lines = self.probe("fetch-bundles", "-socket", self.a.socket)
        return {kind: set(lines[0][kind][TD]) for kind in ("x509", "jwt")}

    def test_what_came_while_there_was_no_server_is_made_up_for(self):
        self.s.stop()
        self.s.start()
        self.s.create_entry("/meanwhile", "/node", [OUR_UID])
        self.arrives(self.updates, f"{TD}/meanwhile", seconds=30)

    def test_a_ban_ends_it(self):
        agent = json.loads(self.s.must("agent", "list", "-output", "json").out)["agents"][0]["id"]["path"]
        began = time.monotonic()
        self.s.must("agent", "ban", "-spiffeID", f"{TD}{agent}")
        wait_until("the banned agent to end", lambda: not self.a.process.running(), 10)
        self.figures(ban_seconds=round(time.monotonic() - began, 2))


@needs_signet
class SeveralAgents(Delivery, SeveralServers):
    def test_a_commit_on_one_server_reaches_the_agents_of_all(self):
        self.begin()
        self.servers[0].create_entry("/base", "/node", [OUR_UID])
        agents = self.agents_at(ADDRESSES, NEVER)
        streams = [self.stream(agent, f"{TD}/base") for agent in agents]
        took = []  # of each change, at the slower of the two
        for n in range(20):
            self.servers[0].create_entry(f"/n{n}", "/node", [OUR_UID])
            answered = time.time()
            took.append(max(self.arrives(updates, f"{TD}/n{n}") - answered for updates in streams[1:]))
        took.sort()
        self.figures(median_ms=round(statistics.median(took) * 1000, 1), slowest_ms=round(took[-1] * 1000, 1))
        self.assertLess(took[-1 - STALLS], GUARD)


if __name__ == "__main__":
    unittest.main()
