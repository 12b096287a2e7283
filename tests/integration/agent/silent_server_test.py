"""A server that answers nothing any more: what needs it waits, and what does not is served."""

import concurrent.futures
import os
import signal
import time
import unittest

from harness.case import OUR_UID, UID_A, TestCase, needs_root, needs_signet
from harness.deploy import argv
from harness.process import wait_until

TD = "spiffe://example.org"


@needs_signet
@needs_root  # a caller that the agent has not seen yet
class SilentServer(TestCase):
    def assert_others_are_served(self, agent, meanwhile):
        """meanwhile(): whether those who wait do so still."""
        for _ in range(3):
            self.assertEqual(self.ids(agent, UID_A), [f"{TD}/other"])
            self.assertTrue(meanwhile(), "they were served before those who wait had come to an end")
            time.sleep(1.1)  # what was found out about a caller is kept for a second

    def test_tokens_that_wait_for_it_hold_up_nobody_else(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", [OUR_UID])
        server.create_entry("/other", "/node", [f"unix:uid:{UID_A}"])
        agent = self.agent("signet", server)
        self.wait_ids(agent, [f"{TD}/me"])
        self.wait_ids(agent, [f"{TD}/other"], uid=UID_A)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor(60) as pool:  # more than the agent has workers
                waiting = [pool.submit(self.probe, "fetch-jwt", "-socket", agent.socket, "-audience", f"a{n}",
                                       "-timeout", "15s") for n in range(60)]
                time.sleep(3)
                self.assertFalse(any(call.done() for call in waiting))
                self.assert_others_are_served(agent, lambda: not any(call.done() for call in waiting))
                for call in waiting:
                    self.assertNotEqual(call.result()[0], 0)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        code, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "after", "-timeout", "20s")
        self.assertEqual(code, 0, lines)

    def test_explanations_that_wait_for_it_hold_up_nobody_else(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", [OUR_UID])
        server.create_entry("/other", "/node", [f"unix:uid:{UID_A}"])
        admin = self.folder / "private" / "admin.sock"
        agent = self.agent("signet", server, {"agent": {"admin_socket_path": str(admin)}})
        self.wait_ids(agent, [f"{TD}/me"])
        self.wait_ids(agent, [f"{TD}/other"], uid=UID_A)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            asked = [self.spawn(f"explain{n}", argv("signet", "agent", "explain", "-socketPath", admin, "-selector",
                                                    "unix:uid:4711")) for n in range(200)]
            wait_until("all to have asked", lambda: "the agent is overloaded" in "".join(
                one.text() for one in asked), 20, 0.1)
            self.assert_others_are_served(agent, lambda: any(one.running() for one in asked))
        finally:
            os.kill(server.process.pid, signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
