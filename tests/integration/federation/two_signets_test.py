"""Two Signets federated: what outlives a restart, and what is written for others to read."""

import json
import unittest

from harness.case import TestCase, needs_signet
from harness.federation import Domain, wait_equal
from harness.process import wait_until


@needs_signet
class TwoSignets(TestCase):
    def test_a_restart_goes_on_with_what_is_stored(self):
        a = Domain(self, "signet", "one.org", hint="1s")
        b = Domain(self, "signet", "two.org", hint="1s")
        for domain in (a, b):
            domain.start()
        for domain, other in ((a, b), (b, a)):
            domain.create_relationship(other)
        a.server.kill()
        b.prepare()
        a.server.start()
        wait_equal(a, b)
        self.assertIn("two.org", a.server.must("federation", "list").out)

    def test_the_age_and_the_trouble_of_each_peer_are_told(self):
        a = Domain(self, "signet", "one.org", hint="1s")
        b = Domain(self, "signet", "two.org", hint="1s")
        a.federates_with(b)
        a.start()
        shown = a.server.must("federation", "status").out
        self.assertIn("Found 1 federated trust domain\n\nTrust domain              : two.org\n", shown)
        self.assertIn("Bundle                    : none yet\n"
                      "Last good answer          : none since this server started\n", shown)

        def peer():
            (one,) = json.loads(a.server.must("federation", "status", "-output", "json").out)["peers"]
            return one
        self.assertEqual((peer()["configured"], peer()["bundle_endpoint_url"]), (True, b.url()))
        wait_until("a failure to be told", lambda: peer()["failures"] > 0)
        self.assertIn("local copy of bundle not found", peer()["error"])
        b.start()
        a.learn(b)
        wait_until("a good answer", lambda: peer()["fetched_at"] != "0")
        self.assertEqual((peer()["has_bundle"], peer()["failures"], peer()["error"]), (True, 0, ""))
        b.server.kill()
        wait_until("the age to grow", lambda: int(peer()["age_seconds"]) >= 2 and peer()["failures"] > 0)
        shown = a.server.must("federation", "status").out
        self.assertRegex(shown, r"Bundle                    : known\n"
                                r"Last good answer          : \d+ s ago\n"
                                r"Failures since            : \d+\nLast failure              : .+\n")

    def test_bundle_publishers_write_what_the_server_publishes(self):
        path = self.folder / "bundle.json"
        a = Domain(self, "signet", "one.org", over={"plugins": {"BundlePublisher file": {
            "plugin_data": {"path": str(path), "format": "spiffe"}}}})
        a.start()
        before = path.read_text()
        a.prepare()
        wait_until("the file to follow", lambda: len(json.loads(path.read_text())["keys"]) == 4, 10)
        self.assertNotEqual(path.read_text(), before)


if __name__ == "__main__":
    unittest.main()
