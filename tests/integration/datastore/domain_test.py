"""A server that is given the datastore of another trust domain."""

import unittest

from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import run


@needs_signet
class OtherDomain(TestCase):
    def test_its_entries_are_not_worked_on(self):
        server = self.server("signet")
        server.create_entry("/a", "/node", ["unix:uid:1"])
        before = server.must("bundle", "show").out
        self.assertEqual(server.stop(), 0)
        changed = self.folder / "changed.conf"
        text = server.config.read_text()
        self.assertIn('trust_domain = "example.org"', text)
        changed.write_text(text.replace('trust_domain = "example.org"', 'trust_domain = "other.org"'))
        refused = run(argv("signet", "server", "run", "-config", changed))
        self.assertEqual(refused.code, 1, refused)
        self.assertIn('holds entries of trust domain "example.org", and trust_domain is "other.org"',
                      refused.out + refused.err)
        server.start()
        self.assertEqual(server.must("bundle", "show").out, before, "and nothing was written")
        self.assertNotIn("other.org", server.must("bundle", "list").out)


if __name__ == "__main__":
    unittest.main()
