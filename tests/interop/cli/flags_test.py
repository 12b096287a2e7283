"""The flags of `run` and `validate`, and of every command of the agent, are those of SPIRE's programs, with values
of the same kind: what a unit file or a script gives them goes on working. The words are our own."""

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

    def test_the_agents_commands(self):
        for command in ("healthcheck", "api fetch x509", "api fetch jwt", "api validate jwt", "api watch",
                        "debug getinfo", "logger get", "logger set", "logger reset"):
            with self.subTest(command=command):
                theirs, their_code = self.flags(paths.peer("spire-agent"), *command.split())
                self.assertIn("socketPath", theirs)
                self.assertEqual(self.flags(paths.SIGNET, "agent", *command.split()), (theirs, their_code))
        # SPIRE shows those of `jwt` beside its own here.
        self.assertEqual(self.flags(paths.SIGNET, "agent", "api", "fetch"),
                         self.flags(paths.peer("spire-agent"), "api", "fetch", "x509"))

    def test_what_is_no_command_of_the_agents(self):
        for words in ([], ["nosuch"], ["--help"], ["-h"], ["api"], ["api", "nosuch"], ["debug"], ["logger"],
                      ["api", "fetch", "x509", "-output", "json", "-output", "pretty"],
                      ["api", "fetch", "jwt", "-audience", "a", "-format", "json", "-output", "pretty"],
                      ["api", "fetch", "x509", "-output", "yaml"], ["api", "watch", "-timeout", "1s"]):
            with self.subTest(words=words):
                theirs, ours = (run([*program, *words]) for program in (
                    [paths.peer("spire-agent")], [paths.SIGNET, "agent"]))
                self.assertEqual((ours.code, ours.out), (theirs.code, theirs.out))
                self.assertTrue(theirs.err and ours.err, "both say why")

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
