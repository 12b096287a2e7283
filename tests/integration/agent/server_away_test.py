"""A server that is away for longer than the identities live: served while valid, then refused, then served again.

Once with identities that live for seconds, and once for a day, through which the processes' own clocks are moved
(harness/clock.c). The same with a clock of the test's: role_agent_test, OwnSvidTest.AServerThatIsAwayForADay.
"""

import datetime
import json
import time
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.certificates import Certificate, x509pop_agent, x509pop_server
from harness.clock import Clock
from harness.deploy import merge
from harness.process import wait_until

MOSTLY_WAITS = True

TD = "spiffe://example.org"
LIFE = 12  # seconds
MINUTE, HOUR = 60, 3600


def new_call(test, agent, *words):
    """How a call ends that is made now, of FetchX509SVID if not said, by a client that does not look at the times itself."""
    words = words or ("FetchX509SVID",)
    _, lines = test.probe("raw", "-socket", agent.socket, "-timeout", "5s", "-method", *words)
    return lines[-1]["code"]


@needs_signet
class ServerAway(TestCase):
    def test_identities_end_with_their_life_and_come_back_with_the_server(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", [OUR_UID], "-x509SVIDTTL", str(LIFE))
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s"}}})
        self.wait_ids(agent, [f"{TD}/me"])
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "180s")
        wait_until("the first message", lambda: self.json_lines(stream))
        gone = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.ids(agent), [f"{TD}/me"], "served while the server is away")
        # What is served in the last millisecond has ended when go-spiffe looks at it.
        ended = wait_until("the end of its life", lambda: (code := new_call(self, agent)) != "OK" and code, 2 * LIFE)
        self.assertEqual(ended, "Unavailable")
        self.assertGreater(time.monotonic() - gone, 0.3 * LIFE, "not before its time")
        silent = len(self.json_lines(stream))
        time.sleep(2)  # nothing is to happen
        self.assertEqual(len(self.json_lines(stream)), silent)
        self.assertTrue(stream.running(), "open streams stay open")
        server.start()
        wait_until("the stream to go on", lambda: len(self.json_lines(stream)) > silent, 60)
        self.assertTrue(stream.running())
        self.wait_ids(agent, [f"{TD}/me"])


@needs_signet
class AwayForADay(TestCase):
    """The identities live for an hour, the agent's own too; the authorities for a week."""

    def setUp(self):
        self.clock = Clock(self.folder)
        self.began = datetime.datetime.now(datetime.timezone.utc)
        self.passed = 0
        machines = self.folder / "machines"
        root = Certificate(machines, "root", "DNS:root.example")
        Certificate(machines, "machine", "DNS:machine.example", root)
        self.s = self.server("signet", merge({"server": {"ca_ttl": "168h", "default_jwt_svid_ttl": "1h"}},
                                             x509pop_server(machines)), start=False)
        self.s.start(env=self.clock.env)
        self.a = self.agent("signet", self.s, x509pop_agent(machines, "machine"), start=False)
        self.a.start(token=None, env=self.clock.env)
        self.parent = json.loads(self.s.must("agent", "list", "-output", "json").out)["agents"][0]["id"]["path"]
        self.s.create_entry("/me", self.parent, [OUR_UID])
        self.wait_ids(self.a, [f"{TD}/me"])
        self.stream = self.watch("stream", "watch-x509", "-socket", self.a.socket, "-timeout", "100h")
        wait_until("the first message", self.sent)

    def sent(self):
        """The messages of the open stream: for each the SPIFFE IDs, and when the first one ends."""
        self.assertTrue(self.stream.running(), "the stream stays open")
        return [(sorted(s["spiffe_id"] for s in line["svids"]), line["svids"][0]["not_after"])
                for line in self.json_lines(self.stream) if "svids" in line]

    def pass_time(self, seconds, asleep=False):
        self.clock.move(seconds, asleep)
        self.passed += seconds

    def left(self, not_after):
        """For how long that is still to come, by the moved clock."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.passed)
        return (datetime.datetime.fromisoformat(not_after.replace("Z", "+00:00")) - now).total_seconds()

    def new_calls(self):
        """How an X.509 and a JWT call end."""
        return [new_call(self, self.a), new_call(self, self.a, "FetchJWTSVID", "-audience", "a")]

    def check_recovery(self, seconds):
        """The server is there: open streams and new calls have what is current, without anybody's help."""
        before = len(self.sent())
        began = time.monotonic()
        wait_until("the stream to go on", lambda: len(self.sent()) > before, seconds)
        self.assertGreater(self.left(self.sent()[-1][1]), 0.4 * HOUR)
        self.assertEqual(self.new_calls(), ["OK", "OK"])
        self.s.create_entry("/after", self.parent, [OUR_UID])
        wait_until("an entry that is new", lambda: self.sent()[-1][0] == [f"{TD}/after", f"{TD}/me"], seconds)
        self.figures(recovered_seconds=round(time.monotonic() - began, 1))

    def test_the_server_is_away(self):
        self.assertEqual(self.new_calls(), ["OK", "OK"])
        self.assertEqual(self.s.stop(), 0)
        for _ in range(5):
            self.pass_time(9 * MINUTE)
            time.sleep(0.5)  # for what the agent tries now and then
            self.assertEqual(self.new_calls(), ["OK", "OK"], "served while valid")
        self.assertGreater(self.left(self.sent()[-1][1]), 0)
        messages = len(self.sent())
        for _ in range(24):
            self.pass_time(HOUR)
            time.sleep(0.3)
        self.assertLess(self.left(self.sent()[-1][1]), 0)
        for _ in range(3):
            self.assertEqual(self.new_calls(), ["Unavailable", "Unavailable"])
        self.assertEqual(len(self.sent()), messages, "nothing is said on the open stream")
        self.assertTrue(self.a.process.running())
        self.s.start(env=self.clock.env)
        self.check_recovery(60)

    def test_the_machine_slept(self):
        """Agent and server are there all the time, and both have slept: no timer of theirs ran meanwhile."""
        self.pass_time(24 * HOUR, asleep=True)
        self.check_recovery(60)


if __name__ == "__main__":
    unittest.main()
