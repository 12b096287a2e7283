"""Servers and agents, Signet's or SPIRE's, from one configuration text.

Both read SPIRE's configuration form and have SPIRE's command words, so a test that takes `impl` as
a parameter runs unchanged against either: against SPIRE it shows that the test itself is right.
"""

import json
import pathlib
import random
import socket

from . import paths
from .process import Process, run, wait_until

TRUST_DOMAIN = "example.org"


_promised = []  # sockets; each keeps a port from other tests for as long as this process lives


def free_port(*others):
    """A port that is free at 127.0.0.1 and at the other addresses too, and that nobody else is given.

    Not of those that the kernel gives to connections and to who asks for any: one of them would be lost to
    somebody before a server has it, or while it is down. Other tests look for a name in the abstract namespace.
    """
    beyond = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(min(10_000, beyond // 2), beyond)
        promise = socket.socket(socket.AF_UNIX)
        try:
            promise.bind(f"\0signet-test-port-{port}")
            for address in ("127.0.0.1", *others):
                with socket.socket() as probe:
                    probe.bind((address, port))
        except OSError:
            promise.close()
            continue
        _promised.append(promise)
        return port


def argv(impl, role, *words):
    """The command line of a role: `signet server ...` or `spire-server ...`."""
    if impl == "signet":
        return [paths.SIGNET, role, *words]
    return [paths.peer(f"spire-{role}"), *words]


def hcl(block):
    """A dict as HCL: dicts are blocks, a key with a space is a labelled block."""
    lines = []
    for key, value in block.items():
        if isinstance(value, dict):
            kind, _, label = key.partition(" ")
            head = f'{kind} "{label}"' if label else kind
            inner = hcl(value).replace("\n", "\n  ").rstrip()
            lines.append(f"{head} {{\n  {inner}\n}}" if inner else f"{head} {{}}")
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def merge(base, over):
    for key, value in (over or {}).items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        elif value is None:
            base.pop(key, None)
        else:
            base[key] = value
    return base


class Server:
    """A server in a folder of its own; start() and kill() may be called again and again."""

    def __init__(self, impl, folder, over=None, name=None, address="127.0.0.1", port=None):
        self.impl = impl
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755, exist_ok=True)
        self.name = name or f"{impl}-server"
        self.over = over
        self.address = address
        self.port = port
        self._known = port is not None
        self.socket = self.folder / "run" / "api.sock"
        self.log = self.folder / "server.log"
        self.config = self.folder / "server.conf"
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.process = None
        self.prefix = []  # of its command line

    def settings(self):
        # SPIRE's server looks at its own entries every 5 s only; ours knows a change at once.
        quick = {"experimental": {"cache_reload_interval": "1s"}} if self.impl == "spire" else {}
        return merge({
            "server": {
                **quick, "bind_address": self.address, "bind_port": self.port,
                "socket_path": str(self.socket), "trust_domain": TRUST_DOMAIN,
                "data_dir": str(self.data), "log_level": "DEBUG",
                "ratelimit": {"attestation": False, "signing": False},
            },
            "plugins": {
                "DataStore sql": {"plugin_data": {
                    "database_type": "sqlite3",
                    "connection_string": str(self.data / "datastore.sqlite3")}},
                "NodeAttestor join_token": {"plugin_data": {}},
                "KeyManager disk": {"plugin_data": {"keys_path": str(self.data / "keys.json")}},
            },
        }, self.over)

    def start(self, wait=True, env=None):
        # The port is chosen before the server has it; should another process be quicker, a new one
        # is taken. Once an agent knows it, it must stay.
        for attempt in range(5):
            if self.port is None or (attempt and not self._known):
                self.port = free_port()
            self.config.write_text(hcl(self.settings()))
            self.process = Process(self.name, self.prefix + argv(self.impl, "server", "run", "-config", self.config),
                                   self.log, env=env, cwd=self.folder)
            if not wait:
                return self
            try:
                self.wait_healthy()
                self._known = True
                return self
            except AssertionError:
                if "address already in use" not in self.process.text().lower() or self._known:
                    raise
                self.process.kill()
        raise AssertionError("no free port found")

    def wait_healthy(self, seconds=30.0):
        def check():
            if not self.process.running():
                raise AssertionError(f"{self.name} ended with {self.process.popen.returncode}:\n"
                                     f"{self.process.text()[-4000:]}")
            return self.socket.exists() and self.healthy()
        wait_until(f"{self.name} to be healthy", check, seconds, 0.05)

    def healthy(self):
        """Asked by a client that is not ours: the health service is what is looked at."""
        return self.cli("healthcheck", impl="spire").code == 0

    def cli(self, *words, impl=None, stdin="", env=None, seconds=30.0):
        """A server command on the admin socket; `impl` chooses whose command line is used.

        -socketPath goes behind the command's own words and before its flags.
        """
        words = [str(w) for w in words]
        n = next((i for i, w in enumerate(words) if w.startswith("-")), len(words))
        words = words[:n] + ["-socketPath", str(self.socket)] + words[n:]
        return run(argv(impl or self.impl, "server", *words), stdin=stdin, env=env, seconds=seconds)

    def must(self, *words, **kw):
        result = self.cli(*words, **kw)
        assert result.code == 0, f"{' '.join(map(str, words))}: {result}"
        return result

    def token(self, path=None, ttl=600):
        words = ["token", "generate", "-output", "json", "-ttl", str(ttl)]
        if path:
            words += ["-spiffeID", f"spiffe://{TRUST_DOMAIN}{path}"]
        return json.loads(self.must(*words).out)["value"]

    def create_entry(self, path, parent, selectors, *more):
        words = ["entry", "create", "-output", "json", "-spiffeID", f"spiffe://{TRUST_DOMAIN}{path}",
                 "-parentID", f"spiffe://{TRUST_DOMAIN}{parent}"]
        for selector in selectors:
            words += ["-selector", selector]
        result = json.loads(self.must(*words, *more).out)["results"][0]
        assert result["status"]["code"] == 0, result
        return result["entry"]["id"]

    def bundle_file(self):
        path = self.folder / "bundle.pem"
        path.write_text(self.must("bundle", "show").out)
        return path

    def stop(self):
        return self.process.terminate()

    def kill(self):
        if self.process:
            self.process.kill()


class Agent:
    """An agent that joins `server` with a token on its first start. machine: where it runs, if not here."""

    def __init__(self, impl, folder, server, over=None, name=None, path="/node", machine=None):
        self.impl = impl
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755, exist_ok=True)
        self.name = name or f"{impl}-agent"
        self.server = server
        self.over = over
        self.machine = machine
        self.path = path  # the node alias its token gives it; entries name it as their parent
        self.socket = self.folder / "run" / "api.sock"
        self.log = self.folder / "agent.log"
        self.config = self.folder / "agent.conf"
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.process = None
        self.prefix = []  # of its command line

    def settings(self, token):
        return merge({
            "agent": {
                "data_dir": str(self.data), "log_level": "DEBUG",
                "server_address": self.server.address, "server_port": self.server.port,
                "socket_path": str(self.socket), "trust_domain": TRUST_DOMAIN,
                "trust_bundle_path": str(self.folder / "bundle.pem"),
                **({"join_token": token} if token else {}),
                # Callers without an entry are refused at once, as by SPIRE: what is compared is compared so.
                **({"experimental": {"hold": "0s"}} if self.impl == "signet" else {}),
            },
            "plugins": {
                "NodeAttestor join_token": {"plugin_data": {}},
                "KeyManager disk": {"plugin_data": {"directory": str(self.data)}},
                "WorkloadAttestor unix": {"plugin_data": {}},
            },
        }, self.over)

    def start(self, token=True, wait=True, env=None):
        """token: True asks the server for one on the first start, None starts without."""
        if token is True:
            token = None if self.process else self.server.token(self.path)
        if not (self.folder / "bundle.pem").exists():
            (self.folder / "bundle.pem").write_text(self.server.bundle_file().read_text())
        self.config.write_text(hcl(self.settings(token)))
        command = self.prefix + argv(self.impl, "agent", "run", "-config", self.config)
        self.process = Process(self.name, self._there(command),
                               self.log, env=env, cwd=self.folder)
        if wait:
            self.wait_healthy()
        return self

    def wait_healthy(self, seconds=30.0):
        def check():
            if not self.process.running():
                raise AssertionError(f"{self.name} ended with {self.process.popen.returncode}:\n"
                                     f"{self.process.text()[-4000:]}")
            return self.socket.exists() and self.healthy()
        wait_until(f"{self.name} to be healthy", check, seconds, 0.05)

    def healthy(self):
        return self.cli("healthcheck", impl="spire").code == 0

    def cli(self, *words, impl=None, uid=None, seconds=30.0):
        words = [str(w) for w in words]
        n = next((i for i, w in enumerate(words) if w.startswith("-")), len(words))
        words = words[:n] + ["-socketPath", str(self.socket)] + words[n:]
        return run(self._there(argv(impl or self.impl, "agent", *words)), uid=uid, seconds=seconds)

    def _there(self, words):
        return self.machine.argv(*words, network=False) if self.machine else words

    def stop(self):
        return self.process.terminate()

    def kill(self):
        if self.process:
            self.process.kill()
