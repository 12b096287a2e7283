"""An agent that is authorised for very many entries.

All of them arrive, a workload that matches one gets its identity at once although the agent keeps
far fewer SVIDs ready, and a change of one entry arrives as that one entry. 20,000 entries in CI,
100,000 in `scripts/test.sh long`.
"""

import json
import os
import re
import time
import unittest

from harness import paths
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

ENTRIES = int(os.environ.get("SIGNET_TEST_ENTRIES", 100_000 if paths.long_run() else 20_000))
BATCH = 5_000
TD = "spiffe://example.org"
FIRST_UID = 1_000_000  # nobody's
BATCH_CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"


@needs_signet
class ManyEntries(TestCase):
    def create(self, server, count):
        parent = {"trust_domain": "example.org", "path": "/node"}
        for base in range(0, count, BATCH):
            entries = [{
                "id": f"entry-{i:06}", "parent_id": parent,
                "spiffe_id": {"trust_domain": "example.org", "path": f"/scale/{i}"},
                "selectors": [{"type": "unix", "value": f"uid:{FIRST_UID + i}"},
                              {"type": "k8s", "value": f"ns:{i % 97}"}],
            } for i in range(base, min(base + BATCH, count))]
            answers, end = self.call(server, BATCH_CREATE,
                                     {"entries": entries, "output_mask": {}}, seconds=120)
            self.assertEqual(end["code"], "OK", end)
            self.assertEqual({r.get("status", {}).get("code", 0) for r in answers[0]["results"]}, {0})

    @staticmethod
    def synced(agent):
        """What the agent logged of each sync that changed something."""
        lines = [x for x in agent.process.text().splitlines() if "Entries synchronised" in x]
        return [{k: v for k, v in re.findall(r"(\w+)=(\S+)", line)} for line in lines]

    def test_all_arrive_and_a_change_arrives_alone(self):
        server = self.server("signet", {"server": {"log_level": "INFO"}})
        began = time.monotonic()
        self.create(server, ENTRIES)
        figures = {"entries": ENTRIES, "create_seconds": round(time.monotonic() - began, 2)}
        server.create_entry("/me", "/node", [OUR_UID])

        # The first sync: the agent is healthy only when it is over.
        before = server.process.cpu_seconds()
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}},
                           start=False)
        agent.start(wait=False)
        agent.process.wait_log("Agent is running", 60)
        first = self.synced(agent)
        self.assertEqual(len(first), 1, first)
        self.assertEqual(first[0]["missing"], str(ENTRIES + 2))  # with /me and the node's alias
        figures["first_sync"] = first[0].get("elapsed_time")
        agent.wait_healthy()
        # At most x509_svid_cache_max_size SVIDs are made ahead.
        wait_until("the SVIDs made ahead", lambda: self.minted(agent) >= 1000, 30)
        figures["server_cpu_seconds"] = round(server.process.cpu_seconds() - before, 2)
        figures["agent_cpu_seconds"] = round(agent.process.cpu_seconds(), 2)
        figures["agent_rss_mib"] = round(agent.process.rss_kib() / 1024, 1)
        figures["server_rss_mib"] = round(server.process.rss_kib() / 1024, 1)

        # Not among those made ahead, or among them: the caller has it at once.
        began = time.monotonic()
        self.assertEqual(self.ids(agent), [f"{TD}/me"])
        figures["fetch_seconds"] = round(time.monotonic() - began, 3)

        # Idle: each further sync compares revisions and fetches nothing.
        before = agent.process.cpu_seconds(), server.process.cpu_seconds()
        quiet = time.monotonic()
        time.sleep(3)  # what is measured is time going by
        span = time.monotonic() - quiet
        figures["idle_agent_cpu_percent"] = round(
            100 * (agent.process.cpu_seconds() - before[0]) / span, 1)
        figures["idle_server_cpu_percent"] = round(
            100 * (server.process.cpu_seconds() - before[1]) / span, 1)

        # One change.
        seen = len(self.synced(agent))
        began = time.monotonic()
        server.must("entry", "update", "-entryID", "entry-000042", "-spiffeID", f"{TD}/scale/moved",
                    "-parentID", f"{TD}/node", "-selector", OUR_UID)
        self.wait_ids(agent, [f"{TD}/me", f"{TD}/scale/moved"], seconds=20)
        figures["change_seconds"] = round(time.monotonic() - began, 2)
        self.assertEqual([(s["missing"], s["stale"], s["dropped"]) for s in self.synced(agent)[seen:]],
                         [("0", "1", "0")])
        server.must("entry", "delete", "-entryID", "entry-000042")
        self.wait_ids(agent, [f"{TD}/me"], seconds=20)
        self.assertLessEqual(self.minted(agent), 1100)
        print(f"    {json.dumps(figures)}")
        self.assertEqual(agent.stop(), 0)

    @staticmethod
    def minted(agent):
        return agent.process.text().count('msg="SVID updated"')


if __name__ == "__main__":
    unittest.main()
