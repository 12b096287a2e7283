"""What the tests of `signet agent explain` and `signet server explain` share."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import paths
from .case import TestCase
from .clock import Clock
from .deploy import TRUST_DOMAIN, argv
from .process import run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
TD = f"spiffe://{TRUST_DOMAIN}"
WORKLOAD = shutil.which("sleep")
BOUND = 5.0  # seconds; the figure is 1, see rules about timings in CI


class ExplainCase(TestCase):
    slowest = 0.0  # answer, in seconds
    patience = 3  # how often a server may answer too late because the machine is busy, in one test

    def ahead(self, seconds):
        """The environment of a process whose clock is ahead."""
        clock = Clock(tempfile.mkdtemp(dir=self.folder))
        clock.move(seconds)
        return clock.env

    def agent_of(self, server, name="agent", start=True, over=None, plugins=None, path="/node"):
        node = self.agent("signet", server, {
            "agent": {"admin_socket_path": str(self.folder / f"{name}-admin" / "admin.sock"), **(over or {})},
            "plugins": plugins or {"WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True}}},
        }, name=name, start=start, path=path)
        node.admin = pathlib.Path(node.over["agent"]["admin_socket_path"])
        self.asked = node
        return node

    def attestor_that(self, does):
        """The example in C, which does this in attest() instead."""
        plugin = self.folder / f"attestor-{hashlib.sha256(does.encode()).hexdigest()[:8]}.so"
        if not plugin.exists():
            source = ROOT / "examples" / "workloadattestor-c" / "src"
            text = (source / "entry.c").read_text()
            right = 'if (s == NULL) return fail(call, SIGNET_FAILED_PRECONDITION, "not configured");'
            self.assertEqual(text.count(right), 1)
            changed = plugin.with_suffix(".c")
            changed.write_text(text.replace(right, f"release(self, s);\n  {does}"))
            subprocess.run(["cc", "-std=gnu99", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-I", source, "-I",
                            ROOT / "plugin-sdk" / "include", "-o", plugin, changed, source / "settings.c"], check=True)
        return plugin

    def workload(self):
        return self.spawn(f"workload{len(self.nodes)}", [WORKLOAD, "600"])

    def explain(self, words, socket):
        """An agent gives its server less than a second, which a busy machine may take: then it is asked again."""
        answer = self.explain_once(words, socket)
        while self.patience and any("no answer within" in finding["text"] for finding in answer["findings"]):
            self.patience -= 1
            answer = self.explain_once(words, socket)
        return answer

    def explain_once(self, words, socket):
        began = time.monotonic()
        result = run([*words, "-socketPath", str(socket), "-output", "json"])
        took = time.monotonic() - began
        self.assertLess(took, BOUND * paths.slow(), words)
        self.slowest = max(self.slowest, took)
        self.assertTrue(result.out.startswith("{"), f"{words}: {result}")
        answer = json.loads(result.out)
        self.assertEqual(result.code, 0 if answer["identity"] else 1)
        return answer

    def ask_agent(self, *flags, of=None):
        """The agent `of`, or the one that was made last."""
        return self.explain(argv("signet", "agent", "explain", *map(str, flags)), (of or self.asked).admin)

    def ask_server(self, server, *flags):
        return self.explain(argv("signet", "server", "explain", *map(str, flags)), server.socket)

    def assert_faults(self, answer, *faults):
        """The first one decides, unless it begins with '!': then it is in nobody's way."""
        found = [("" if f["blocks"] else "!") + f["fault"] for f in answer["findings"]]
        self.assertEqual(found, list(faults), json.dumps(answer, indent=1))
        decides = [f["fault"] for f in answer["findings"] if f["decides"]]
        self.assertEqual(decides, [f for f in faults[:1] if not f.startswith("!")])
        self.assertEqual(answer["identity"], not decides)

    def wait_entry(self, path, pid):
        wait_until(f"the agent to have {path}", lambda: any(
            e["spiffe_id"] == TD + path for e in self.ask_agent("-pid", pid)["entries"]) and
            "NOT_SYNCED" not in {f["fault"] for f in self.ask_agent("-pid", pid)["findings"]})
