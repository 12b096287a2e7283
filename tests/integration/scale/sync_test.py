"""An agent that is authorised for very many entries takes all of them.

Twice: by GetAuthorizedEntries, and as SPIRE's agent does when it starts, all revisions and then all
entries by ID. What counts is the CPU time of the server for one full sync. 20,000 entries in CI,
guarded at five times the figure; 100,000 in `scripts/test.sh long sync`, where 100 ms are the limit.
"""

import json
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, needs_signet

LONG = paths.long_run()
ENTRIES = 100_000 if LONG else 20_000
MILLISECONDS = 100 * ENTRIES / 100_000 * (1 if LONG else 5)


@needs_signet
class FullSync(TestCase):
    def test_costs_the_server_little(self):
        server = self.server("signet", {"server": {"log_level": "INFO"}})
        load = subprocess.run([paths.peer("svidload"), "server", "-socket", server.socket,
                               "-addr", f"127.0.0.1:{server.port}", "-pid", str(server.process.pid),
                               "-entries", str(ENTRIES), "-dur", "10s" if LONG else "1s",
                               "-cases", "create,sync,first-sync"], capture_output=True, text=True)
        self.assertEqual(load.returncode, 0, load.stderr)
        cases = {case["case"]: case for case in map(json.loads, load.stdout.splitlines())}
        figures = {"entries": ENTRIES}
        for name in ("sync_full", "agent_first_sync"):
            self.assertEqual(cases[name]["errors"], 0, cases[name])
            self.assertEqual(cases[name]["ops"] % ENTRIES, 0, cases[name])
            figures[f"{name}_server_cpu_ms"] = round(1000 * ENTRIES / cases[name]["per_cpu_second"], 1)
            figures[f"{name}_p50_ms"] = cases[name]["p50_ms"]
        self.figures(**figures)
        self.assertLessEqual(figures["sync_full_server_cpu_ms"], MILLISECONDS * paths.slow())
        self.assertLessEqual(figures["agent_first_sync_server_cpu_ms"], MILLISECONDS * paths.slow())


if __name__ == "__main__":
    unittest.main()
