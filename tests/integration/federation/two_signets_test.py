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
