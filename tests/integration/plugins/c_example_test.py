"""The attestor in plain C does the real work, loaded in place of `unix` with nothing else rebuilt."""

import os
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, needs_signet

TD = "spiffe://example.org"


@needs_signet
class CExample(TestCase):
    def configured(self, **data):
        return {"agent": {"experimental": {"sync_interval": "1s"}},
                "plugins": {"WorkloadAttestor unix": None,
                            "WorkloadAttestor c_example": {"plugin_data": data}}}

    def test_it_attests_in_place_of_unix(self):
        before = {p: paths.digest(p) for p in (paths.SIGNET, paths.PLUGINS / "role-server.so",
                                         paths.PLUGINS / "role-agent.so")}
        server = self.server("signet")
        agent = self.agent("signet", server, self.configured(selectors=["team:payments"]))
        server.create_entry("/paid", "/node", ["c_example:team:payments", f"c_example:uid:{os.geteuid()}"])
        server.create_entry("/unix", "/node", [f"unix:uid:{os.geteuid()}"])
        self.wait_ids(agent, [f"{TD}/paid"])
        self.assertEqual(before, {p: paths.digest(p) for p in before}, "kernel and roles byte for byte the same")

    def test_its_settings_are_checked(self):
        server = self.server("signet")
        agent = self.agent("signet", server, self.configured(selectors=7), start=False)
        agent.start(wait=False)
        self.assertNotEqual(agent.process.wait_exit(20), 0)
        self.assertIn("c_example", agent.process.text())

    def test_it_builds_outside_of_the_tree_from_the_headers_alone(self):
        example = paths.ROOT / "examples" / "workloadattestor-c"
        out = self.folder / "workloadattestor-c-example.so"
        subprocess.run(["cc", "-std=c99", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", "-I",
                        paths.ROOT / "plugin-sdk" / "include", "-o", out, *sorted(example.glob("src/*.c"))],
                       check=True)
        exported = subprocess.run(["nm", "-D", "--defined-only", out], capture_output=True, text=True).stdout
        self.assertIn(" signet_plugin_entry", exported)


if __name__ == "__main__":
    unittest.main()
