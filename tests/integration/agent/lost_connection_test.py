"""A connection between agent and server that is lost without a word: noticed, made anew, and nothing missed.

Nobody is told in any other way: the agent asks its server by itself once an hour only.
"""

import time
import unittest

from harness.case import OUR_UID, TestCase, needs_root, needs_signet
from harness.network import Cable, Relay
from harness.process import wait_until
from harness.several import SeveralServers

MOSTLY_WAITS = True

TD = "spiffe://example.org"
SAYS_STILL_HERE = 10  # seconds: how often an agent says a word to its server
KERNEL = 2  # after how long the kernel gives a connection up that acknowledges nothing
SLACK = 8  # a loaded machine
PAUSE = 31  # the longest between two tries to reach a server


class Lost(TestCase):
    def watch_ids(self, agent):
        """An open stream: a function that gives the latest identities it was sent."""
        stream = self.watch(f"stream-{agent.name}", "watch-x509", "-socket", agent.socket, "-timeout", "300s")

        def ids():
            self.assertTrue(stream.running(), "open streams stay")
            return {s["spiffe_id"] for line in self.json_lines(stream)[-1:] for s in line.get("svids", [])}
        wait_until("the stream's first message", lambda: f"{TD}/base" in ids())
        return ids

    def settled(self, ids, entry_server):
        """Changes are told, not asked for: until then nothing may be lost."""
        entry_server.create_entry("/told", "/node", [OUR_UID])
        wait_until("a change to be told", lambda: f"{TD}/told" in ids(), 10)

    def noticed(self, agent, words, within):
        """How long it takes until the agent says this."""
        began = time.monotonic()
        agent.process.wait_log(words, within)
        return time.monotonic() - began

    def over(self, **more):
        return {"agent": {**more, "experimental": {"sync_interval": "1h"}}}

    def changes_meanwhile(self, server, old):
        """One entry more and one less, while the agent cannot hear of it."""
        server.create_entry("/meanwhile", "/node", [OUR_UID])
        server.must("entry", "delete", "-entryID", old)

    def level(self, ids, seconds):
        began = time.monotonic()
        wait_until("the stream to have what changed", lambda: ids() == {f"{TD}/base", f"{TD}/told", f"{TD}/meanwhile"},
                   seconds)
        return round(time.monotonic() - began, 1)


@needs_signet
class OneServer(Lost):
    def test_a_relay_that_takes_everything_and_passes_nothing_on(self):
        server = self.server("signet")
        server.create_entry("/base", "/node", [OUR_UID])
        old = server.create_entry("/old", "/node", [OUR_UID])
        relay = Relay(("127.0.0.1", 0), (server.address, server.port))
        self.nodes.append(relay)
        agent = self.agent("signet", server, self.over(server_port=relay.listener.getsockname()[1]))
        ids = self.watch_ids(agent)
        self.settled(ids, server)
        relay.freeze()
        self.changes_meanwhile(server, old)
        took = self.noticed(agent, "The server has fallen silent", 2 * SAYS_STILL_HERE + SLACK)
        self.assertNotIn(f"{TD}/meanwhile", ids())
        self.assertIn(f"{TD}/base", self.ids(agent), "what is there is served on")
        relay.thaw()
        self.figures(noticed_seconds=round(took, 1), level_seconds=self.level(ids, PAUSE + SLACK))

    @needs_root
    def test_a_cable_that_is_cut(self):
        cable = Cable()
        self.nodes.append(cable)
        server = self.server("signet", start=False)
        server.address = cable.ADDRESSES[0]
        server.prefix = cable.prefixes[0]
        server.start()
        server.create_entry("/base", "/node", [OUR_UID])
        old = server.create_entry("/old", "/node", [OUR_UID])
        agent = self.agent("signet", server, self.over(), start=False)
        agent.prefix = cable.prefixes[1]
        agent.start()
        ids = self.watch_ids(agent)
        self.settled(ids, server)
        cable.cut()
        self.changes_meanwhile(server, old)
        took = self.noticed(agent, "The server tells of no changes for now", SAYS_STILL_HERE + KERNEL + SLACK)
        self.assertNotIn("has fallen silent", agent.process.text())
        self.assertIn(f"{TD}/base", self.ids(agent), "what is there is served on")
        cable.mend()
        self.figures(noticed_seconds=round(took, 1), level_seconds=self.level(ids, PAUSE + SLACK))


@needs_signet
class SeveralServersOneSilent(Lost, SeveralServers):
    def test_the_agent_goes_to_another_server(self):
        self.begin()
        first, second = self.servers[:2]
        first.create_entry("/base", "/node", [OUR_UID])
        old = first.create_entry("/old", "/node", [OUR_UID])
        relay = Relay(("127.0.0.9", first.port), (first.address, first.port))
        self.nodes.append(relay)
        agent = self.agent("signet", first, self.over(server_address=f"127.0.0.9,{second.address}"), start=False)
        token = first.token("/node")
        for _ in range(40):  # until chance takes the one behind the relay
            agent.start(token=token)
            if relay.open():
                break
            self.assertEqual(agent.stop(), 0)
        ids = self.watch_ids(agent)
        self.settled(ids, second)
        relay.freeze()
        self.changes_meanwhile(second, old)
        took = self.level(ids, 2 * SAYS_STILL_HERE + 2 * KERNEL + SLACK)
        self.assertIn("has fallen silent", agent.process.text())
        self.figures(level_elsewhere_seconds=took)


if __name__ == "__main__":
    unittest.main()
