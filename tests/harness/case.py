"""The base of every test: a folder, processes that end with the test, and logs shown on failure."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

from . import deploy, paths
from .process import Process, run, wait_until

# Existing accounts, so that `unix:user` selectors can be formed too.
UID_A, UID_B, UID_STRANGER = 1, 2, 65534  # daemon, bin, nobody
# What every probe has that is started without a uid.
OUR_UID = f"unix:uid:{os.geteuid()}"


def needs_root(thing):
    """Two uids need root. CI is root; elsewhere the test says loudly that it did not run."""
    return unittest.skipUnless(os.geteuid() == 0, "needs root to start processes under other uids")(thing)


def needs_signet(thing):
    return unittest.skipUnless(paths.have_signet(), f"{paths.SIGNET} is not built")(thing)


class TestCase(unittest.TestCase):
    maxDiff = None
    show_logs = True  # print the end of every log when a test of the class fails

    def run(self, result=None):
        # Short, since a Unix socket's path has 107 characters; open to the other uids of a test.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sgt-"))
        self.folder.chmod(0o755)
        self.nodes = []
        before = _bad(result)
        try:
            return super().run(result)
        finally:
            for node in self.nodes:
                node.kill()
            if self.show_logs and _bad(result) > before:
                self._show_logs()
            if not os.environ.get("SIGNET_TEST_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                print(f"kept: {self.folder}")

    def _show_logs(self):
        for log in sorted(self.folder.rglob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            print(f"--- {log.relative_to(self.folder)} (last 25 of {len(lines)} lines)")
            print("\n".join(line[:300] for line in lines[-25:]))

    @staticmethod
    def figures(**values):
        """Prints what was measured; a run at full size (scripts/test.sh long) keeps it."""
        print(f"    {values}")
        if os.environ.get("SIGNET_FIGURES"):
            with open(os.environ["SIGNET_FIGURES"], "a") as f:
                f.write(json.dumps(values) + "\n")

    def server(self, impl, over=None, name=None, start=True):
        name = name or f"server{len(self.nodes)}"
        node = deploy.Server(impl, self.folder / name, over, name=f"{impl}-{name}")
        self.nodes.append(node)
        return node.start() if start else node

    def agent(self, impl, server, over=None, name=None, path="/node", start=True, machine=None):
        name = name or f"agent{len(self.nodes)}"
        node = deploy.Agent(impl, self.folder / name, server, over, name=f"{impl}-{name}", path=path, machine=machine)
        self.nodes.append(node)
        return node.start() if start else node

    def spawn(self, name, argv, uid=None):
        process = Process(name, argv, self.folder / f"{name}.log", uid=uid)
        self.nodes.append(process)
        return process

    # spiffe-probe

    def probe_path(self):
        """A copy that other uids can reach, whoever owns the cache."""
        copy = self.folder / "spiffe-probe"
        if not copy.exists():
            shutil.copy(paths.peer("spiffe-probe"), copy)
            copy.chmod(0o755)
        return copy

    def ours_path(self):
        """A copy of workload-mtls, our own C++ program on libs/workload-client, for other uids."""
        copy = self.folder / "ours" / "bin" / "workload-mtls"
        if not copy.exists():
            copy.parent.mkdir(parents=True)
            shutil.copy(paths.BUILD / "bin" / "workload-mtls", copy)
            for library in (paths.BUILD / "lib").glob("libsignet-*"):
                (copy.parent.parent / "lib").mkdir(exist_ok=True)
                shutil.copy(library, copy.parent.parent / "lib")
        return copy

    def ours(self, name, agent, *words, uid=None):
        """Starts it as a workload of `agent`."""
        path = self.ours_path()
        process = Process(name, [path, *words], self.folder / f"{name}.log", uid=uid,
                          env={"SPIFFE_ENDPOINT_SOCKET": f"unix://{agent.socket}",
                               "LD_LIBRARY_PATH": str(path.parent.parent / "lib")})
        self.nodes.append(process)
        return process

    def our_server(self, name, agent, *domains, uid):
        """Our own TLS server as a workload, for callers of these trust domains; the process and its address."""
        where = self.folder / name
        where.mkdir()
        os.chown(where, uid, uid)
        process = self.ours(name, agent, "server", where / "address", *domains, uid=uid)
        wait_until(f"{name} to listen", (where / "address").exists)
        return process, (where / "address").read_text().strip()

    def probe(self, *words, uid=None, stdin="", seconds=30.0):
        """Runs the probe; returns (exit code, its JSON lines)."""
        result = run([self.probe_path(), *words], uid=uid, stdin=stdin, seconds=seconds)
        lines = [json.loads(line) for line in result.out.splitlines() if line.startswith("{")]
        if result.code and not lines:
            raise AssertionError(f"spiffe-probe {words}: {result}")
        return result.code, lines

    def ids(self, agent, uid=None):
        """The SPIFFE IDs go-spiffe gets at an agent's socket, or the gRPC code it was refused with."""
        code, lines = self.probe("fetch-x509", "-socket", agent.socket, uid=uid)
        return lines[0]["code"] if code else [s["spiffe_id"] for s in lines[0]["svids"]]

    def wait_ids(self, agent, want, uid=None, seconds=20.0):
        """Waits until go-spiffe gets exactly these IDs (or this code)."""
        def same():
            got = self.ids(agent, uid)
            return (sorted(got) if isinstance(got, list) else got) == want
        wait_until(f"{agent.name} to serve {want}", same, seconds, 0.1)

    def watch(self, name, *words, uid=None):
        """Starts the probe in the background; read its lines with json_lines()."""
        return self.spawn(name, [self.probe_path(), *words], uid=uid)

    def workload_call(self, agent, method, request=None, uid=None, header="workload.spiffe.io=true"):
        """A call of the Workload API from JSON. Of a stream, which is closed then, its first message or its end;
        of the others the answer, if any, and the end: lines of "answer", or of "code" and "message"."""
        self._calls = getattr(self, "_calls", 0) + 1
        where = self.folder / f"call-{self._calls}"
        where.with_suffix(".json").write_text(json.dumps(request or {}))
        with open(where.with_suffix(".json")) as stdin:
            probe = Process(where.name, [
                self.probe_path(), "call", "-socket", agent.socket, "-timeout", "40s", "-method",
                f"SpiffeWorkloadAPI/{method}", *(["-header", header] if header else [])],
                where.with_suffix(".out"), uid=uid, stdin=stdin)
        self.nodes.append(probe)
        unary = method in ("FetchJWTSVID", "ValidateJWTSVID")
        lines = wait_until(f"the answer to {method}", lambda: self.json_lines(probe), 40)
        if unary and "answer" in lines[0]:
            lines = wait_until("its end", lambda: len(x := self.json_lines(probe)) > 1 and x)
        probe.kill()
        return lines[:2 if unary else 1]

    @staticmethod
    def json_lines(process):
        text = process.text()
        return [json.loads(x) for x in text[:text.rfind("\n") + 1].splitlines() if x.startswith("{")]

    def call(self, server_or_socket, method, request, *more, seconds=30.0):
        """A SPIRE API call through the probe: (answers, end) where end has code and message."""
        socket = getattr(server_or_socket, "socket", server_or_socket)
        _, lines = self.probe("call", "-socket", socket, "-method", method, *more,
                              stdin=json.dumps(request), seconds=seconds)
        return [x["answer"] for x in lines if "answer" in x], lines[-1]


def _bad(result):
    return len(result.errors) + len(result.failures) if result is not None else 0
