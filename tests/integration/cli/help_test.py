"""-h on everything: each command found by reading the help above it says how it is used and does nothing."""

import re

from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import run

# A line of a list of commands: four or two blanks, the word, and what it does.
COMMAND = re.compile(r"^(?:    |  )([a-z][a-z0-9-]*) {2,}\S", re.MULTILINE)


@needs_signet
class Help(TestCase):
    def help(self, *words, flag="-h"):
        found = run(argv("signet", *words, flag))
        self.assertEqual(found.code, 0, f"{words} {flag}: {found.out}{found.err}")
        text = found.out + found.err
        self.assertRegex(text, r"Usage|Commands of", f"{words} {flag}")
        return text

    def walk(self, *words):
        """Every command below the words."""
        text = self.help(*words)
        below = re.split(r"(?:Available commands are|Commands of [a-z0-9 ]+|Commands):\n", text)
        commands = COMMAND.findall(below[1]) if len(below) > 1 else []
        found = []
        for word in commands:
            found += self.walk(*words, word)
        return found or [words]

    def test_every_command_of_every_role(self):
        leaves = {" ".join(words) for word in ("server", "agent", "dev", "explain", "plugin", "validate", "version")
                  for words in self.walk(word)}
        # What was found is the whole tree, not the first level of it.
        for known in ("server entry create", "server localauthority x509 taint", "server datastore import-spire",
                      "server federation create", "agent api fetch x509", "agent api validate jwt", "agent explain", "server explain", "dev"):
            self.assertIn(known, leaves)
        self.assertGreater(len(leaves), 60)
        listed = COMMAND.findall(self.help().split("Commands:\n")[1])
        self.assertEqual(set(listed), {"server", "agent", "dev", "explain", "spire-server", "spire-agent", "plugin",
                                       "validate", "version", "help"})

    def test_every_spelling(self):
        for flag in ("-h", "-help", "--help"):
            for words in ((), ("server",), ("server", "entry"), ("agent", "run"), ("validate",), ("version",),
                          ("plugin",), ("plugin", "list"), ("plugin", "inspect")):
                self.help(*words, flag=flag)
