"""The flags of `run` and `validate` are those of SPIRE's programs, with values of the same kind: what a unit
file or a script gives them goes on working. The words are our own."""

import re
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.process import run


@needs_signet
class Flags(TestCase):
    def flags(self, *argv):
        """{name: kind of value} of what -h shows, and its exit code."""
        result = run([*argv, "-h"])
        return dict(re.findall(r"^  -(\S+)(?: (\S+))?$", result.out + result.err, re.M)), result.code

    def test_run_and_validate(self):
        for role in ("server", "agent"):
            for command in ("run", "validate"):
                with self.subTest(role=role, command=command):
                    theirs, their_code = self.flags(paths.peer(f"spire-{role}"), command)
                    ours, our_code = self.flags(paths.SIGNET, role, command)
                    self.assertGreater(len(theirs), 10)
                    self.assertEqual(ours, theirs)
                    self.assertEqual(our_code, their_code)


if __name__ == "__main__":
    unittest.main()
