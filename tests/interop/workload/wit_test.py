"""WIT-SVIDs for workloads: from SPIRE's server and ours, by our agent; SPIRE's own answers that it has none."""

import base64
import json
import unittest

from harness.case import TestCase, UID_A, UID_STRANGER, needs_root, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
FLAG = {"experimental": {"feature_flags": ["wit-svid"]}}


def part(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Wit:
    """The tests; the classes below name the server."""

    server_impl = None

    def first(self, agent, method, request=None, uid=UID_A):
        """The first message, or the status of the end."""
        line, = self.workload_call(agent, method, request, uid)
        return line.get("answer", line)

    def test_each_identity_has_a_token_for_a_key_of_its_own(self):
        server = self.server(self.server_impl, {"server": FLAG})
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"], "-hint", "main", "-entryID", "e1")
        server.create_entry("/b", "/node", [f"unix:uid:{UID_A}"], "-entryID", "e2", "-x509SVIDTTL", "120")
        agent = self.agent("signet", server, {"agent": {"experimental": {"sync_interval": "1s", **FLAG["experimental"]}}})
        self.wait_ids(agent, [f"{TD}/a", f"{TD}/b"], uid=UID_A)
        svids = wait_until("them", lambda: self.first(agent, "FetchWITSVID").get("svids"))
        self.assertEqual([(s["spiffeId"], s.get("hint", "")) for s in svids], [(f"{TD}/a", "main"), (f"{TD}/b", "")])
        bundle = json.loads(self.first(agent, "FetchWITBundles")["bundles"][TD])
        seen = set()
        for svid in svids:
            head, claims, _ = svid["witSvid"].split(".")
            head, claims, key = part(head), part(claims), json.loads(svid["witSvidKey"])
            self.assertEqual((head["typ"], claims["sub"]), ("wit+jwt", svid["spiffeId"]))
            self.assertIn(head["kid"], [k["kid"] for k in bundle["keys"]])
            self.assertEqual({n: claims["cnf"]["jwk"][n] for n in ("kty", "crv", "x", "y")},
                             {n: key[n] for n in ("kty", "crv", "x", "y")})
            self.assertIn("d", key)
            seen.add(key["x"])
        self.assertEqual(len(seen), 2)
        one = self.first(agent, "FetchWITSVID", {"spiffe_id": f"{TD}/b"})["svids"]
        self.assertEqual([s["spiffeId"] for s in one], [f"{TD}/b"])
        for method in ("FetchWITSVID", "FetchWITBundles"):
            end = self.first(agent, method, uid=UID_STRANGER)
            self.assertEqual((end["code"], end["message"]), ("PermissionDenied", "no identity issued"))

    def test_a_server_without_the_feature_gives_none(self):
        server = self.server(self.server_impl)
        server.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        agent = self.agent("signet", server, {"agent": FLAG})
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        end = self.first(agent, "FetchWITSVID")
        self.assertEqual((end["code"], end["message"]), (
            "Unavailable", "could not fetch WIT-SVID: failed to sign WIT-SVID: WIT key is not available for signing"))


@needs_root
@needs_signet
class OfSpiresServer(Wit, TestCase):
    server_impl = "spire"


@needs_root
@needs_signet
class OfOurServer(Wit, TestCase):
    server_impl = "signet"


if __name__ == "__main__":
    unittest.main()
