"""Agents with more entries than fit one answer of SyncAuthorizedEntries, SPIRE's at both servers and ours at SPIRE's.

SPIRE's server pages revisions by 500, ours by what fits: an agent asks for as many entries at once as the
first page had, so it has to work with either.
"""

import unittest

from harness.case import TestCase, UID_A, needs_root, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
MANY = 1_200  # of one workload: about 2 MiB of SVIDs, which one message has to hold
CREATE = "spire.api.server.entry.v1.Entry/BatchCreateEntry"


class ManyEntries:
    server_impl, agent_impl = None, "spire"
    cache = {"x509_svid_cache_max_size": MANY + 100}

    def create(self, paths):
        answers, end = self.call(self.server_under_test, CREATE, {"entries": [{
            "id": path, "spiffe_id": {"trust_domain": "example.org", "path": f"/{path}"},
            "parent_id": {"trust_domain": "example.org", "path": "/node"},
            "selectors": [{"type": "unix", "value": f"uid:{UID_A}"}]} for path in paths]})
        self.assertEqual(end["code"], "OK", end)
        self.assertEqual({r["status"].get("code", 0) for r in answers[0]["results"]}, {0})

    def test_all_of_them_and_each_change(self):
        server = self.server_under_test = self.server(self.server_impl)
        names = {f"many-{n:04}" for n in range(MANY)}
        for at in range(0, MANY, 300):
            self.create(sorted(names)[at:at + 300])
        agent = self.agent(self.agent_impl, server, {"agent": {
            **self.cache, "experimental": {"sync_interval": "1s"}}})

        def served():
            got = self.ids(agent, UID_A)
            return {i.removeprefix(f"{TD}/") for i in got} if isinstance(got, list) else got
        wait_until("all entries", lambda: served() == names, 60, 0.5)
        server.must("entry", "delete", "-entryID", "many-0600")
        server.must("entry", "update", "-entryID", "many-0700", "-spiffeID", f"{TD}/changed", "-parentID",
                    f"{TD}/node", "-selector", f"unix:uid:{UID_A}")
        self.create(["new"])
        names = names - {"many-0600", "many-0700"} | {"changed", "new"}
        wait_until("one less, one changed and one new", lambda: served() == names, 60, 0.5)


@needs_root
class AtSpire(ManyEntries, TestCase):
    server_impl = "spire"


@needs_root
@needs_signet
class OursAtSpire(ManyEntries, TestCase):
    """With the default bound of its cache, which who is served may pass."""
    server_impl, agent_impl, cache = "spire", "signet", {}


@needs_root
@needs_signet
class AtSignet(ManyEntries, TestCase):
    server_impl = "signet"


@needs_root
@needs_signet
class LargeEntries(TestCase):
    """Few entries that together are larger than what SPIRE's agent takes in one message, 4 MiB."""

    def test_they_come_in_several_answers(self):
        server = self.server("signet")
        for n in range(8):
            answers, end = self.call(server, CREATE, {"output_mask": {}, "entries": [{
                "spiffe_id": {"trust_domain": "example.org", "path": f"/large/{n}"},
                "parent_id": {"trust_domain": "example.org", "path": "/node"},
                "selectors": [{"type": "k8s", "value": f"pod-label:{i:05}:{'x' * 100}"} for i in range(6_000)]}]})
            self.assertEqual(answers[0]["results"][0]["status"].get("code", 0), 0, end)
        server.create_entry("/me", "/node", [f"unix:uid:{UID_A}"])
        for impl in ("spire", "signet"):
            with self.subTest(agent=impl):
                agent = self.agent(impl, server, {"agent": {"experimental": {"sync_interval": "1s"}}})
                self.wait_ids(agent, [f"{TD}/me"], uid=UID_A)
                agent.stop()


if __name__ == "__main__":
    unittest.main()
