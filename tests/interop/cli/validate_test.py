"""`server validate` and `agent validate` beside SPIRE's: the same answer and the same exit code."""

import unittest

from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import run


@needs_signet
class Validate(TestCase):
    def files(self):
        server = self.server("spire")
        agent = self.agent("spire", server, start=False)
        agent.start(token=server.token("/node"))
        for role, node in (("server", server), ("agent", agent)):
            good = node.config.read_text()
            yield role, "good", good, 0
            yield role, "no trust domain", good.replace('trust_domain = "example.org"', ""), 1
            yield role, "not HCL", "server {", 1
            yield role, "wrong type", good.replace('trust_domain = "example.org"', "trust_domain = [\"a\", \"b\"]"), 1

    def test_the_same_verdict(self):
        for role, name, text, code in self.files():
            with self.subTest(role=role, file=name):
                path = self.folder / f"{role}.conf"
                path.write_text(text)
                theirs, ours = (run(argv(impl, role, "validate", "-config", path)) for impl in ("spire", "signet"))
                self.assertEqual((ours.code != 0, theirs.code != 0), (code != 0, code != 0), (theirs, ours))
                if code == 0:
                    self.assertEqual(ours.out, theirs.out)
                    self.assertIn("configuration file is valid", ours.out)
                else:
                    self.assertTrue(ours.err or ours.out, "it says what is wrong")

    def test_a_file_that_is_not_there(self):
        for role in ("server", "agent"):
            theirs, ours = (run(argv(impl, role, "validate", "-config", self.folder / "none.conf"))
                            for impl in ("spire", "signet"))
            self.assertEqual(ours.code, theirs.code, (theirs, ours))


if __name__ == "__main__":
    unittest.main()
