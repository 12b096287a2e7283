"""Where the command lines look for the socket: a flag, an instance of a template, the environment."""

import os
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.deploy import argv
from harness.process import run

ROLES = {"server": ("SPIRE_SERVER_PRIVATE_SOCKET", ["entry", "count"]),
         "agent": ("SPIRE_AGENT_PUBLIC_SOCKET", ["api", "fetch", "x509", "-output", "json"])}


@needs_signet
class Sockets(TestCase):
    def test_each_way_to_name_it_and_each_mistake(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", [OUR_UID])
        agent = self.agent("signet", server)
        self.wait_ids(agent, ["spiffe://example.org/me"])
        for role, node in (("server", server), ("agent", agent)):
            variable, words = ROLES[role]
            template = str(node.socket).replace("api.sock", "%i.sock")
            self.assertNotEqual(template, str(node.socket))
            good = (([], {variable: str(node.socket)}),
                    (["-instance", "api"], {variable + "_TEMPLATE": template}),
                    (["-instance", "api"], {variable: "/nowhere.sock", variable + "_TEMPLATE": template}),
                    (["-socketPath", str(node.socket)], {variable: "/nowhere.sock"}))
            bad = (([], {variable: "/nowhere.sock"}),
                   (["-instance", "api"], {}),
                   (["-instance", "api"], {variable + "_TEMPLATE": str(node.socket)}),
                   (["-instance", "other"], {variable + "_TEMPLATE": template}))
            for cases, served in ((good, True), (bad, False)):
                for flags, environment in cases:
                    with self.subTest(role=role, flags=flags, environment=sorted(environment)):
                        at = next((i for i, w in enumerate(words) if w.startswith("-")), len(words))
                        theirs, ours = (run(argv(impl, role, *words[:at], *flags, *words[at:]),
                                            env={**os.environ, **environment}) for impl in ("spire", "signet"))
                        self.assertEqual((theirs.code == 0, ours.code == 0), (served, served), (theirs, ours))
                        self.assertEqual(ours.code, theirs.code, (theirs, ours))


if __name__ == "__main__":
    unittest.main()
