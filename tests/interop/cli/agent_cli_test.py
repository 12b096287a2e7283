"""The agent's command line and Workload API, compared with SPIRE's step by step, as the server's.

The server is SPIRE's in every pair, so that only agent and command line differ.
"""

import json
import re
import signal
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.cli_compare import compare_steps, usage_masked
from harness.mask import Masker
from harness.process import wait_until

from harness import deploy

TD = "spiffe://example.org"
_JSON_FIELDS = re.compile(r'"(svid|x509_svid|x509_svid_key|bundle|spiffe://[a-z.]+)":\s*"[^"]{20,}"')
_JWKS = re.compile(r'^\t?\{\s*"keys":.*?^\t?\}', re.S | re.M)


def masked(text, mask):
    text = _JSON_FIELDS.sub(r'"\1":"<\1>"', text)
    text = re.sub(r'"(exp|iat)":\s*\d+', r'"\1":<\1>', text)
    # The key set is printed as the server gave it.
    text = re.sub(r'"(kid|x|y)":\s*"[^"]+"', r'"\1":"<\1>"', text)
    text = usage_masked(text)
    text = re.sub(r"after \d+(\.\d+)?(ns|µs|us|ms|s)\b", "after <duration>", text)
    # Go's protobuf puts blanks into its JSON at random; and what a library says is its own affair.
    text = re.sub(r"^(Claims +: )(.*)$", lambda m: m[1] + re.sub(r"([,:]) ", r"\1", m[2]), text, flags=re.M)
    text = re.sub(r"(unable to parse JWT token): .*", r"\1: <reason>", text)
    text = re.sub(r"(code = Unavailable desc = ).*", r"\1<reason>", text)
    return mask.text(text)


class Scenario:
    def __init__(self, case, agent, cli):
        self.case, self.agent, self.cli = case, agent, cli
        self.steps = []
        self.mask = Masker(folder=agent.folder)

    def step(self, *words):
        result = self.agent.cli(*words, impl=self.cli)
        self.steps.append((self.mask.text(" ".join(map(str, words))), result.code,
                           masked(result.out, self.mask), masked(result.err, self.mask)))
        return result

    def run(self):
        self.step("healthcheck")
        self.step("healthcheck", "-verbose")
        self.step("healthcheck", "-shallow")
        self.step("healthcheck", "-nosuchflag")
        self.step("api", "fetch")
        self.step("api", "fetch", "x509")
        self.step("api", "fetch", "x509", "-silent")
        self.step("api", "fetch", "x509", "-output", "json")
        out = self.agent.folder / "out"
        out.mkdir()
        self.step("api", "fetch", "x509", "-write", out)
        self.step("api", "fetch", "x509", "-silent", "-write", out)
        self.steps.append(("files of fetch x509", 0, " ".join(
            f"{p.name}:{p.stat().st_mode & 0o777:o}" for p in sorted(out.iterdir())), ""))
        self.step("api", "fetch", "x509", "-write", out / "none")
        self.step("api", "fetch", "x509", "-timeout", "nonsense")
        self.step("api", "fetch", "jwt")
        self.step("api", "fetch", "jwt", "-audience", "a,b")
        self.step("api", "fetch", "jwt", "-audience", "a", "-spiffeID", f"{TD}/me")
        self.step("api", "fetch", "jwt", "-audience", "a", "-spiffeID", f"{TD}/nobody")
        self.step("api", "fetch", "jwt", "-audience", "a", "-spiffeID", "nonsense")
        self.step("api", "fetch", "jwt", "-audience", "a", "-output", "json")
        self.step("api", "validate", "jwt")
        self.step("api", "validate", "jwt", "-audience", "a")
        self.step("api", "validate", "jwt", "-audience", "a", "-svid", "nonsense")
        self.step("api", "validate", "jwt", "-audience", "a", "-svid", "e30.e30.AAAA")
        result = json.loads(self.agent.cli("api", "fetch", "jwt", "-audience", "a", "-output", "json").out)
        token = result[0]["svids"][0]["svid"]
        self.step("api", "validate", "jwt", "-audience", "a", "-svid", token)
        self.step("api", "validate", "jwt", "-audience", "a", "-svid", token, "-output", "json")
        self.step("api", "validate", "jwt", "-audience", "other", "-svid", token)
        self.step("api", "validate", "jwt", "-audience", "other", "-svid", token, "-output", "json")
        self.watch()
        # Nobody there.
        self.agent.stop()
        self.step("healthcheck")
        self.step("api", "fetch", "x509", "-timeout", "500ms")
        self.step("api", "fetch", "jwt", "-audience", "a", "-timeout", "500ms")
        return self.steps

    def watch(self):
        argv = deploy.argv(self.cli, "agent", "api", "watch", "-socketPath", self.agent.socket)
        process = self.case.spawn(f"watch-{self.agent.name}-{self.cli}", argv)
        # It prints line by line: both SVIDs are there when the last one is.
        wait_until("the watch's first update", lambda: process.text().count("CA #1 Valid Until") >= 2)
        process.popen.send_signal(signal.SIGINT)
        code = process.wait_exit()
        # After the interrupt SPIRE's prints that its calls were cancelled, once or twice.
        text = process.text().split("rpc error")[0]
        self.steps.append(("api watch", code, masked(text, self.mask), ""))


class AgentCommandLine(TestCase):
    show_logs = False

    def scenario(self, agent, cli):
        server = self.server("spire", name=f"server-{agent}-{cli}-{len(self.nodes)}")
        node = self.agent(agent, server, {"agent": {"experimental": {"sync_interval": "1s"}}},
                          name=f"agent-{agent}-{cli}-{len(self.nodes)}")
        server.create_entry("/me", "/node", [OUR_UID], "-hint", "mine", "-entryID", "a")
        server.create_entry("/me2", "/node", [OUR_UID], "-entryID", "b", "-dns", "me2.example.org")
        self.wait_ids(node, [f"{TD}/me", f"{TD}/me2"])
        return Scenario(self, node, cli).run()

    def compare(self, agent, cli):
        want, got = self.scenario("spire", "spire"), self.scenario(agent, cli)
        compare_steps(self, f"agent-{agent}-{cli}", want, got)

    def test_the_scenario_gives_the_same_twice_on_spire(self):
        self.compare("spire", "spire")

    @needs_signet
    def test_spires_command_line_on_signets_agent(self):
        self.compare("signet", "spire")

    @needs_signet
    def test_signets_command_line_on_spires_agent(self):
        self.compare("spire", "signet")

    @needs_signet
    def test_signets_command_line_on_signets_agent(self):
        self.compare("signet", "signet")


if __name__ == "__main__":
    unittest.main()
