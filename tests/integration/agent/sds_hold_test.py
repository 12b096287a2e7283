"""A caller without an entry that asks over Envoy's SDS: it waits, and then hears what a caller of the Workload API hears."""

import unittest

from harness import sds
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until
from harness.sds import TYPE

TD = "spiffe://example.org"
HELD = {"agent": {"experimental": {"hold": "2s"}}}
ENDS = ("StreamSecrets", "FetchSecrets")
REFUSED = {"code": "PermissionDenied", "message": "no identity issued", "messages": 0}


def names(*wanted):
    return {"typeUrl": TYPE, "resourceNames": wanted}


@needs_signet
class SdsHold(TestCase):
    def ends(self, agent, *wanted):
        """How a call about these names ends, when the agent ends it; of each method."""
        calls = [sds.watch(self, f"{method}-{len(self.nodes)}", agent, method, [names(*wanted)]) for method in ENDS]
        for call in calls:
            self.assertEqual(call.wait_exit(30), 0)
        return [self.json_lines(call)[-1] for call in calls]

    def test_who_matches_no_entry_is_told_that_there_is_no_identity(self):
        server = self.server("signet")
        agent = self.agent("signet", server, HELD)
        for wanted in ("default", f"{TD}/me", "spiffe://other.org"):
            with self.subTest(wanted):
                self.assertEqual(self.ends(agent, wanted, "ROOTCA"), [REFUSED] * len(ENDS))
        self.assertIn(f'reason="workload is not authorized for the requested identities [\\"{TD}/me\\"]"',
                      agent.process.text())
        self.assertNotIn("INVALID_ARGUMENT", agent.process.text())
        # Who has an entry is told which name is not its own.
        server.create_entry("/me", "/node", [OUR_UID])
        self.wait_ids(agent, [f"{TD}/me"])
        for end in self.ends(agent, "default", f"{TD}/other"):
            self.assertEqual((end["code"], end["message"]), (
                "InvalidArgument", f'workload is not authorized for the requested identities ["{TD}/other"]'))

    def test_the_incremental_stream_goes_on(self):
        server = self.server("signet")
        agent = self.agent("signet", server, HELD)
        call = sds.watch(self, "delta", agent, "DeltaSecrets", [{"typeUrl": TYPE, "resourceNamesSubscribe": ["default"]}])
        answers = wait_until("an answer", lambda: self.json_lines(call))
        self.assertEqual(answers[0]["answer"]["removedResources"], ["default"])
        server.create_entry("/me", "/node", [OUR_UID])
        answers = wait_until("the identity", lambda: len(found := self.json_lines(call)) > 1 and found)
        self.assertEqual([r["name"] for r in answers[1]["answer"]["resources"]], ["default"])

    def test_while_the_server_is_away_it_is_told_to_try_again(self):
        server = self.server("signet")
        agent = self.agent("signet", server, HELD)
        server.stop()
        for end in self.ends(agent, "default"):
            self.assertEqual((end["code"], end["messages"]), ("Unavailable", 0))


if __name__ == "__main__":
    unittest.main()
