"""A server that is away for longer than the identities live: served while valid, then refused, then served again.

The same over 24 hours, with a clock that is moved: role_agent_test, OwnSvidTest.AServerThatIsAwayForADay.
"""

import time
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

MOSTLY_WAITS = True

TD = "spiffe://example.org"
LIFE = 12  # seconds


@needs_signet
class ServerAway(TestCase):
    def test_identities_end_with_their_life_and_come_back_with_the_server(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", [OUR_UID], "-x509SVIDTTL", str(LIFE))
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        self.wait_ids(agent, [f"{TD}/me"])
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "180s")
        wait_until("the first message", lambda: self.json_lines(stream))
        self.assertEqual(server.stop(), 0)
        gone = time.monotonic()
        self.assertEqual(self.ids(agent), [f"{TD}/me"], "served while the server is away")
        said = wait_until("the end of its life", lambda: isinstance(x := self.ids(agent), str) and x, 2 * LIFE)
        self.assertEqual(said, "Unavailable")
        self.assertGreater(time.monotonic() - gone, 0.3 * LIFE, "not before its time")
        silent = len(self.json_lines(stream))
        time.sleep(2)  # nothing is to happen
        self.assertEqual(len(self.json_lines(stream)), silent)
        self.assertTrue(stream.running(), "open streams stay open")
        server.start()
        wait_until("the stream to go on", lambda: len(self.json_lines(stream)) > silent, 60)
        self.assertTrue(stream.running())
        self.assertEqual(self.ids(agent), [f"{TD}/me"])


if __name__ == "__main__":
    unittest.main()
