"""`wit mint`, compared with SPIRE's: both command lines on both servers, with the feature on.

SPIRE's command line has the command only when it is told of the feature; ours always has it.
"""

import json
import unittest

from harness.case import TestCase, needs_signet
from harness.cli_compare import ServerSteps, compare_steps

ID = "spiffe://example.org/minted"
FEATURE = {"server": {"experimental": {"feature_flags": ["wit-svid"]}}}


class Scenario(ServerSteps):
    def run(self):
        out = self.server.folder / "out"
        out.mkdir()
        self.step("wit", "mint", "-h")
        self.both("wit", "mint", "-spiffeID", ID)
        self.step("wit", "mint", "-spiffeID", ID, "-ttl", "10m", "-write", out)
        self.steps.append(("files of wit mint", 0, " ".join(
            f"{p.name}:{p.stat().st_mode & 0o777:o}" for p in sorted(out.iterdir())), ""))
        self.steps.append(("key of wit mint", 0, " ".join(json.loads((out / "key").read_text())), ""))
        self.step("wit", "mint", "-spiffeID", ID, "-ttl", "1000h")
        self.both("wit", "mint")
        self.step("wit", "mint", "-spiffeID", "nonsense")
        self.step("wit", "mint", "-spiffeID", "spiffe://other.org/x")
        for key_type, algorithm in (("ec-p384", "ES384"), ("rsa-2048", "RS256"), ("rsa-2048", "PS512"),
                                    ("ec-p256", "ES384"), ("rsa-2048", "ES256"), ("ec-p256", "RS256"),
                                    ("rsa-1024", "RS256"), ("ec-p521", "ES512"), ("ec-p256", "none"),
                                    ("ec-p256", "HS256"), ("", "ES256")):
            self.step("wit", "mint", "-spiffeID", ID, "-keyType", key_type, "-signingAlgorithm", algorithm)
        self.step("wit", "mint", "-spiffeID", ID, "-output", "json", "-keyType", "rsa-2048",
                  "-signingAlgorithm", "RS384")
        return self.steps


class WitMint(TestCase):
    show_logs = False  # the differences say it all

    def scenario(self, server, cli):
        return Scenario(self, self.server(server, FEATURE), cli,
                        env={"SPIRE_SERVER_FFLAGS": "wit-svid"}).run()

    @needs_signet
    def test_each_command_line_on_each_server(self):
        want = self.scenario("spire", "spire")
        for server, cli in (("signet", "spire"), ("spire", "signet"), ("signet", "signet")):
            compare_steps(self, f"wit-{server}-{cli}", want, self.scenario(server, cli))


if __name__ == "__main__":
    unittest.main()
