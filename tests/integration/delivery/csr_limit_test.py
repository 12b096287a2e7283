"""The server's limit on SVIDs a second counts each of our agents for itself: those behind one address do not wait for
one another."""

import time
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.process import wait_until

AGENTS, EACH = 6, 900  # at 500 a second for all of them, and 500 at once, they would take 10 s
CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"


@needs_signet
class CsrLimit(TestCase):
    def made(self, limited):
        """Seconds until each of the agents has its SVIDs made ahead."""
        server = self.server("signet", {"server": {"ratelimit": {"signing": limited}, "log_level": "INFO"}})
        for n in range(AGENTS):
            answers, end = self.call(server, CREATE, {"output_mask": {}, "entries": [{
                "spiffe_id": {"trust_domain": "example.org", "path": f"/n{n}/{i}"},
                "parent_id": {"trust_domain": "example.org", "path": f"/node{n}"},
                "selectors": [{"type": "unix", "value": f"uid:{1_000_000 + i}"}]} for i in range(EACH)]}, seconds=120)
            self.assertEqual({r["status"].get("code", 0) for r in answers[0]["results"]}, {0}, end)
        agents = [self.agent("signet", server, path=f"/node{n}", start=False) for n in range(AGENTS)]
        tokens = [server.token(f"/node{n}") for n in range(AGENTS)]
        server.bundle_file()
        began = time.monotonic()
        for agent, token in zip(agents, tokens):
            agent.start(token=token, wait=False)
        wait_until("the SVIDs", lambda: all(
            agent.process.text().count('msg="SVID updated"') >= EACH for agent in agents), 90, 0.1)
        took = time.monotonic() - began
        for agent in agents:
            agent.kill()
        server.kill()
        return took

    def test_agents_behind_one_address_do_not_wait_for_one_another(self):
        free, limited = self.made(False), self.made(True)
        self.figures(agents=AGENTS, svids_each=EACH, without_limit_seconds=round(free, 2),
                     with_limit_seconds=round(limited, 2))
        self.assertLess(limited, 2 * free + 3 * paths.slow())


if __name__ == "__main__":
    unittest.main()
