"""What callers of the Workload API cost the agent in memory.

300 connections a second, each for one SVID, every tenth of a process of its own: 60 s in CI, 10 minutes
in `scripts/test.sh long connects`; after the first 10 s nothing that the agent allocates grows. In the ten minutes
all that is resident counts, the pages of its program among them that it reads again after its start gave them
back: for callers, and for its own work. And 1,000 open streams beside 5,000 identities that are kept ready.
"""

import subprocess
import sys
import time
import unittest

from harness import h2, paths
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

LONG = paths.long_run()
PER_SECOND = 300
WARM_SECONDS = 10
SECONDS = 600 if LONG else 60
GROWS_KIB = (5 if LONG else 1) * 1024
STREAMS, IDENTITIES, RESIDENT_MIB = 1_000, 5_000, 64
STREAMS_PER_CONNECTION = 10
FIRST_UID = 1_000_000  # nobody's
BATCH_CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"

# Connects, reads until there is an ID, and closes, at the times that it is told by; prints how often.
CONNECTS = r"""
import os, socket, sys, time
path, request, rate, seconds = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
def once():
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(request)
        seen = b""
        while b"spiffe://example.org/me" not in seen:
            got = s.recv(65536)
            if not got:
                raise SystemExit("no identity: " + repr(seen[:200]))
            seen += got
began, count = time.monotonic(), 0
while (now := time.monotonic() - began) < seconds:
    if now < count / rate:
        time.sleep(count / rate - now)
    if count % 10 == 0:
        pid = os.fork()
        if pid == 0:
            once()
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            raise SystemExit("a process of its own was given no identity")
    else:
        once()
    count += 1
print(count)
"""


def call(stream):
    return (h2.frame(h2.HEADERS, h2.END_HEADERS, stream,
                     h2.headers("/SpiffeWorkloadAPI/FetchX509SVID", ("workload.spiffe.io", "true")))
            + h2.frame(h2.DATA, h2.END_STREAM, stream, h2.message()))


@needs_signet
class Connects(TestCase):
    def connect_for(self, agent, seconds):
        request = h2.PREFACE + h2.settings() + call(1)
        done = subprocess.run([sys.executable, "-c", CONNECTS, agent.socket, request.hex(), str(PER_SECOND),
                               str(seconds)], stdout=subprocess.PIPE, text=True, check=True)
        return int(done.stdout)

    def test_connections_leave_nothing_behind(self):
        server = self.server("signet")
        # Each call is a line of the log at DEBUG.
        agent = self.agent("signet", server, {"agent": {"log_level": "INFO"}})
        server.create_entry("/me", "/node", [OUR_UID])
        self.wait_ids(agent, ["spiffe://example.org/me"])
        if LONG:
            began_with = agent.process.rss_kib()
            wait_until("the pages of the start to be given back",
                       lambda: agent.process.rss_kib() < began_with - 2048, 20)
        self.connect_for(agent, WARM_SECONDS)
        before, resident, files = agent.process.anonymous_kib(), agent.process.rss_kib(), agent.process.fds()
        count = self.connect_for(agent, SECONDS - WARM_SECONDS)
        grown = agent.process.anonymous_kib() - before
        rate = count / (SECONDS - WARM_SECONDS)
        resident_grown = agent.process.rss_kib() - resident
        self.figures(connections=count, per_second=round(rate), anonymous_kib=before, grown_kib=grown,
                     resident_kib=resident, resident_grown_kib=resident_grown)
        self.assertGreater(rate, PER_SECOND * (0.9 if LONG else 0.3) / paths.slow())
        self.assertLessEqual(resident_grown if LONG else grown, GROWS_KIB * paths.slow())
        # What is remembered of callers, and the descriptors with it, goes after a second.
        wait_until("the descriptors to be as before", lambda: agent.process.fds() <= files, 20)

    def test_a_thousand_streams_and_five_thousand_identities(self):
        server = self.server("signet", {"server": {"log_level": "INFO"}})
        parent = {"trust_domain": "example.org", "path": "/node"}
        entries = [{"id": f"entry-{i:06}", "parent_id": parent,
                    "spiffe_id": {"trust_domain": "example.org", "path": f"/scale/{i}"},
                    "selectors": [{"type": "unix", "value": f"uid:{FIRST_UID + i}"}]} for i in range(IDENTITIES)]
        answers, end = self.call(server, BATCH_CREATE, {"entries": entries, "output_mask": {}}, seconds=120)
        self.assertEqual(end["code"], "OK", end)
        self.assertEqual({r.get("status", {}).get("code", 0) for r in answers[0]["results"]}, {0})
        server.create_entry("/me", "/node", [OUR_UID])
        agent = self.agent("signet", server, {"agent": {"x509_svid_cache_max_size": IDENTITIES + 10}})
        wait_until("all to be ready",
                   lambda: agent.process.text().count('msg="SVID updated"') >= IDENTITIES, 120)
        connections = []
        self.addCleanup(lambda: [c.close() for c in connections])
        for _ in range(STREAMS // STREAMS_PER_CONNECTION):
            connection = h2.connect(agent.socket, 30)
            connections.append(connection)
            numbers = range(1, 2 * STREAMS_PER_CONNECTION, 2)
            connection.sendall(h2.PREFACE + h2.settings() + b"".join(map(call, numbers)))
            seen = b""
            while seen.count(b"spiffe://example.org/me") < STREAMS_PER_CONNECTION:
                got = connection.recv(65536)
                self.assertTrue(got, "the connection has ended")
                seen += got
        resident = agent.process.rss_kib() / 1024
        self.figures(streams=STREAMS, identities=IDENTITIES, resident_mib=round(resident, 1))
        self.assertLessEqual(resident, RESIDENT_MIB * paths.slow())


if __name__ == "__main__":
    unittest.main()
