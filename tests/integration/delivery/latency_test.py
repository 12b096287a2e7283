"""From an entry's commit to its SVID on a stream that is open already, at agents of another server.

At full size (`scripts/test.sh long delivery`): 10,000 entries, 20 agents, servers on one PostgreSQL. The
entries are made at one server, and every agent is a process that hangs on another one.
"""

import datetime
import os
import unittest

from harness import paths
from harness.case import needs_signet
from harness.process import wait_until
from harness.several import ADDRESSES, SeveralServers

TD = "spiffe://example.org"
AGENTS, ENTRIES, EACH = (20, 10_000, 10) if paths.long_run() else (4, 400, 5)
CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"
MEDIAN_MS, P99_MS = 50, 250
ROOM = 1 if paths.long_run() else 5  # CI guards a figure at five times
NEVER = {"agent": {"experimental": {"sync_interval": "1h"}}}


@needs_signet
class Latency(SeveralServers):
    def fill(self):
        """Each agent has its share of the entries; their workloads are not there."""
        share = ENTRIES // AGENTS
        for n in range(AGENTS):
            answers, end = self.call(self.servers[0], CREATE, {"output_mask": {}, "entries": [{
                "spiffe_id": {"trust_domain": "example.org", "path": f"/{path}"},
                "parent_id": {"trust_domain": "example.org", "path": f"/node{n}"},
                "selectors": [{"type": "unix", "value": f"uid:{uid}"}]} for path, uid in (
                    (f"base{n}", os.geteuid()), *((f"n{n}/{i}", 1_000_000 + i) for i in range(share)))]}, seconds=120)
            self.assertEqual({r["status"].get("code", 0) for r in answers[0]["results"]}, {0}, end)

    @staticmethod
    def at(line):
        return datetime.datetime.fromisoformat(line["time"]).timestamp()

    def test_an_entrys_svid_is_on_the_open_stream_soon(self):
        self.begin()
        self.fill()
        agents = []
        for n in range(AGENTS):
            over = {"agent": {"server_address": ADDRESSES[1 + n % 2], **NEVER["agent"]}}
            agents.append(self.agent("signet", self.servers[0], over, f"agent{n}", path=f"/node{n}", start=False))
            agents[-1].start(wait=False)
        for agent in agents:
            agent.wait_healthy(60)
        streams = [self.watch(f"stream{n}", "watch-x509", "-socket", agent.socket, "-timeout", "10m")
                   for n, agent in enumerate(agents)]
        for stream in streams:
            wait_until("the streams to be open", lambda s=stream: self.json_lines(s), 60)
        wait_until("the SVIDs that are made ahead", lambda: sum(
            agent.process.text().count("SVID updated") for agent in agents) >= min(ENTRIES, 1000 * AGENTS), 120, 0.5)
        makers = [self.watch(f"maker{n}", "create-loop", "-socket", self.servers[0].socket, "-conc", "1", "-batch", "1",
                             "-parent", f"/node{n}", "-uid", str(os.geteuid()), "-prefix", f"m{n}-",
                             "-pause", "500ms", "-count", str(EACH)) for n in range(AGENTS)]
        for maker in makers:
            self.assertEqual(maker.wait_exit(120), 0)
        took = []
        for n, (maker, stream) in enumerate(zip(makers, streams)):
            for line in self.json_lines(maker):
                entry, = line["acknowledged"]
                name, number = entry.rsplit("-", 1)
                took.append((self.arrival(stream, f"{TD}/load/{name}/{number}") - self.at(line)) * 1000)
        self.assertEqual(len(took), AGENTS * EACH, "none was refused")
        took.sort()
        median, p99 = took[len(took) // 2], took[len(took) * 99 // 100 - 1]
        self.figures(agents=AGENTS, entries=ENTRIES, created=len(took), median_ms=round(median, 1),
                     p99_ms=round(p99, 1), slowest_ms=round(took[-1], 1))
        self.assertLessEqual(median, MEDIAN_MS * ROOM * paths.slow())
        self.assertLessEqual(p99, P99_MS * ROOM * paths.slow())

    def arrival(self, stream, spiffe_id):
        def there():
            return next((line for line in self.json_lines(stream)
                         if any(s["spiffe_id"] == spiffe_id for s in line.get("svids", ()))), None)
        return self.at(wait_until(f"{spiffe_id} on its stream", there, 30))


if __name__ == "__main__":
    unittest.main()
