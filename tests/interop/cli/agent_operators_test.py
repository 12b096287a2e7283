"""`debug getinfo` and `logger` of the agent, compared with SPIRE's: both command lines on both agents."""

import re
import unittest

from harness import deploy
from harness.case import OUR_UID, TestCase, needs_signet
from harness.cli_compare import compare_steps, usage_masked
from harness.mask import Masker
from harness.process import run, wait_listens

TD = "spiffe://example.org"
_NUMBERS = re.compile(r'"(uptime|expires_at|last_sync_success)":\s*"?\d+"?')


@needs_signet
class OperatorCommands(TestCase):
    show_logs = False

    def start(self, impl, server):
        admin = self.folder / f"admin-{impl}" / "admin.sock"
        agent = self.agent(impl, server, {"agent": {"admin_socket_path": str(admin), "experimental": {
            "sync_interval": "1s"}}})
        self.wait_ids(agent, [f"{TD}/me"])
        wait_listens(admin)
        return agent, admin

    def step(self, steps, cli, admin, *words):
        n = next((i for i, w in enumerate(words) if w.startswith("-")), len(words))
        result = run(deploy.argv(cli, "agent", *words[:n], "-socketPath", admin, *words[n:]))
        mask = Masker(admin=admin)

        def masked(text):
            text = _NUMBERS.sub(r'"\1":<\1>', usage_masked(text))
            text = re.sub(r"(Uptime: +)\S+", r"\1<uptime>", text)
            text = re.sub(r"(code = Unavailable desc = ).*", r"\1<reason>", text)
            return mask.text(text)
        steps.append((" ".join(words), result.code, masked(result.out), masked(result.err)))

    def scenario(self, cli, admin):
        steps = []
        for words in (("debug", "getinfo"), ("debug", "getinfo", "-output", "json"),
                      ("debug", "getinfo", "-nosuchflag"), ("debug", "getinfo", "-instance", "x"),
                      ("logger", "get"), ("logger", "get", "-output", "json"), ("logger", "get", "-output", "yaml"),
                      ("logger", "set"), ("logger", "set", "-level", "never"), ("logger", "set", "-level", ""),
                      ("logger", "set", "-level", "Warn"), ("logger", "set", "-level", "warning", "-output", "json"),
                      ("logger", "get"), ("logger", "set", "-level", "trace"), ("logger", "set", "-level", "error"),
                      ("logger", "reset"), ("logger", "set", "-level", "fatal"), ("logger", "reset", "-output", "json"),
                      ("logger", "get")):
            self.step(steps, cli, admin, *words)
        return steps

    def nobody(self, cli, admin):
        steps = []
        for words in (("debug", "getinfo"), ("logger", "get"), ("logger", "set", "-level", "info"),
                      ("logger", "reset")):
            self.step(steps, cli, admin, *words)
        return steps

    def test_both_command_lines_on_both_agents(self):
        server = self.server("spire")
        server.create_entry("/me", "/node", [OUR_UID])
        agents = {impl: self.start(impl, server) for impl in ("spire", "signet")}
        pairs = [(agent, cli) for agent in agents for cli in ("spire", "signet")]
        done = {pair: self.scenario(pair[1], agents[pair[0]][1]) for pair in pairs}
        for agent, _ in agents.values():
            agent.stop()
        for agent, cli in pairs:
            done[agent, cli] += self.nobody(cli, agents[agent][1])
        for agent, cli in pairs[1:]:
            compare_steps(self, f"operators-{agent}-{cli}", done["spire", "spire"], done[agent, cli])


if __name__ == "__main__":
    unittest.main()
