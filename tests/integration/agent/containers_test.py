"""Real Docker and Podman, and real containers that call the Workload API; SPIRE's agent beside, for the same callers.

By `scripts/test.sh long containers` alone, which installs the engines: it needs root and a kernel that gives a machine
within this one (harness/machine.py) its namespaces and cgroups; each engine runs in one of its own.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.machine import Machine, USER
from harness.process import Process, wait_until

TD = "spiffe://example.org"
IMPLS = ("signet", "spire")
NEEDED = ("dockerd", "podman", "crun", "runc", "newuidmap", "unshare", "ip", "dbus-daemon")
MARKS = ("--label", "app=db", "--env", "ROLE=main")
ALL = ["any", "digest", "env", "image", "label"]
# No network, and no limits, which need capabilities and controllers that this machine may lack.
PODMAN = """[containers]
netns = "none"
pids_limit = 0
default_ulimits = []
[engine]
events_logger = "file"
"""


def missing():
    if os.geteuid() != 0:
        return "needs root, for machines within this one"
    gone = [name for name in NEEDED if not shutil.which(name)] + (
        [] if os.path.exists("/lib/systemd/systemd") else ["systemd"])
    return f"not installed: {', '.join(gone)}" if gone else None


def have_version(version):
    """Whether this kernel has cgroups of that version to give to a machine."""
    there = {line.split()[-3] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}
    return {1: {"cgroup"}, 2: {"cgroup2"}, "both": {"cgroup", "cgroup2"}}[version] <= there


class Engine:
    """An engine's command line there, and what it says."""

    def __init__(self, machine, words, image, uid=None):
        self.machine, self.words, self.image, self.uid = machine, words, image, uid

    def do(self, *words):
        run = self.machine.must if self.uid is None else self.machine.as_user
        return run(*self.words, *words)

    def version(self):
        side = "Server" if self.words[0] == "docker" else "Client"
        return f"{'docker' if side == 'Server' else 'podman'} {self.do('version', '--format', f'{{{{.{side}.Version}}}}')}"

    def tell(self, kind, name, form):
        return self.do(kind, "inspect", "--format", form, name)


@needs_signet
class Containers(TestCase):
    def setUp(self):
        if not paths.long_run():
            self.skipTest("by scripts/test.sh long containers")
        self.assertIsNone(missing())

    def machine(self, version, systemd=False):
        self.assertTrue(have_version(version), f"no cgroups of version {version} here")
        machine = Machine(self.folder / "machine", version, systemd)
        self.nodes.append(machine)
        return machine

    # Images

    def image_file(self):
        """A file system with the probe and the libraries that it needs, as a tar."""
        root = self.folder / "image"
        probe = paths.peer("spiffe-probe")
        libraries = re.findall(r"(/\S+) \(0x", subprocess.check_output(["ldd", probe], text=True))
        for file, where in [(probe, "/probe"), *((lib, lib) for lib in libraries)]:
            (root / where[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / where[1:])
        (root / "probe").chmod(0o755)
        tar = self.folder / "image.tar"
        subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
        return tar

    # Engines

    def docker(self, machine):
        socket = "/run/docker.sock"
        self.nodes.append(Process("dockerd", machine.argv(
            "dockerd", "-H", f"unix://{socket}", "--iptables=false", "--ip6tables=false", "--bridge=none",
            "--storage-driver", "vfs",
            "--exec-opt", f"native.cgroupdriver={'systemd' if machine.systemd else 'cgroupfs'}"),
            self.folder / "dockerd.log"))
        engine = Engine(machine, ["docker", "-H", f"unix://{socket}"], "box:1")
        wait_until("dockerd", lambda: machine.run(*engine.words, "version").code == 0, 30)
        engine.do("import", self.image_file(), engine.image)
        return engine

    def podman(self, machine, runtime):
        """Root's. runtime: crun needs CAP_SYS_RESOURCE for cgroups of version 2, runc does not."""
        words = self.podman_words(machine, "--runtime", runtime)
        self.nodes.append(Process("podman", machine.argv(*words, "system", "service", "--time", 0),
                                  self.folder / "podman.log"))
        return self.ready(Engine(machine, words, "localhost/box:1"), "/run/podman/podman.sock")

    def podman_of_user(self, machine):
        """A user's own, started by that user's systemd as Debian's unit does."""
        words = self.podman_words(machine)
        (machine.folder / "user-units" / "podman.service").write_text(f"""[Unit]
DefaultDependencies=no
After=dbus.socket
[Service]
Type=exec
Delegate=true
KillMode=process
ExecStart=/usr/bin/{' '.join(map(str, words))} system service --time 0
""")
        machine.log_in()
        machine.as_user("systemctl", "--user", "start", "podman.service")
        socket = f"/run/user/{USER}/podman/podman.sock"
        return self.ready(Engine(machine, ["podman", "--remote", "--url", f"unix://{socket}"], "localhost/box:1", USER),
                          socket)

    def podman_words(self, machine, *more):
        settings = self.folder / "containers.conf"
        settings.write_text(PODMAN)
        return ["env", f"CONTAINERS_CONF={settings}", "podman", "--storage-driver", "vfs", "--cgroup-manager",
                "systemd" if machine.systemd else "cgroupfs", *more]

    def ready(self, engine, socket):
        wait_until("podman", lambda: engine.machine.run("test", "-S", socket).code == 0, 30)
        engine.do("import", self.image_file(), engine.image)
        return engine

    # Agents

    def agents(self, machine, engine):
        """A server, and an agent of each kind in the machine; an entry for each selector of the containers."""
        server = self.server_ = self.server("signet")
        digest = engine.tell("image", engine.image, "{{.Id}}")
        digest = digest if digest.startswith("sha256:") else f"sha256:{digest}"
        for name, selector in {"any": "unix:uid:0" if engine.uid is None else f"unix:uid:{USER}",
                               "label": "docker:label:app:db", "env": "docker:env:ROLE=main",
                               "image": f"docker:image_id:{engine.image}",
                               "digest": f"docker:image_config_digest:{digest}",
                               "lacks": "docker:label:app:web"}.items():
            server.create_entry(f"/{name}", "/node", [selector])
        # What other users keep to themselves is open to root's capability only.
        keep = {"SIGNET_KEEP_CAPABILITIES": "dac_override"} if engine.uid is not None else {}
        return {impl: self.agent_there(impl, impl, machine, keep) for impl in IMPLS}

    def agent_there(self, name, impl, machine, env=None):
        return self.agent(impl, self.server_, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"WorkloadAttestor docker": {"plugin_data": {}}}},
            name=name, start=False, machine=machine).start(env=env)

    def run_box(self, engine, agents, name, *more):
        """A container that watches its identities by the first agent, and goes on."""
        mounts = [x for at, agent in agents.items() for x in ("-v", f"{agent.socket.parent}:/{at}:ro")]
        network = ["--network", "none"] if engine.uid is None else []
        engine.do("run", "-d", "--name", name, *network, *mounts, *more, engine.image, "/probe", "watch-x509",
                  "-timeout", "10m", "-socket", f"/{next(iter(agents))}/api.sock")

    @staticmethod
    def ids_of(line):
        return sorted(svid["spiffe_id"].removeprefix(TD + "/") for svid in line.get("svids", []))

    def ids_in(self, engine, name, agent):
        """Of a further process in a container."""
        out = engine.do("exec", name, "/probe", "fetch-x509", "-socket", f"/{agent}/api.sock")
        return self.ids_of(json.loads(out.splitlines()[0]))

    def check(self, engine, agents, path, spire_knows=True):
        """A container's processes have what its engine says of it; `path` is where its cgroup is."""
        self.run_box(engine, agents, "box", *MARKS)
        pid = engine.tell("container", "box", "{{.State.Pid}}")
        number = engine.tell("container", "box", "{{.Id}}")
        cgroups = engine.machine.must("cat", f"/proc/{pid}/cgroup")
        self.assertIn(path.replace("ID", number), cgroups)
        for impl in IMPLS:
            want = ALL if spire_knows or impl == "signet" else ["any"]
            wait_until(f"{impl} to tell {want}", lambda: self.ids_in(engine, "box", impl) == want, 20)
        # The first process of all, which was there before its engine knew it.
        first = lambda: [json.loads(x) for x in engine.do("logs", "box").splitlines() if x.startswith("{")]
        wait_until("the container's own process to be told", lambda: any(self.ids_of(x) == ALL for x in first()))
        self.assertTrue(all(self.ids_of(x) in ([], ALL) for x in first() if "svids" in x), first())
        # Another container of the same image, in which the processes of the machine are seen.
        self.run_box(engine, agents, "other", "--pid", "host", "--label", "app=cache")
        for impl in IMPLS:
            want = ["any", "digest", "image"] if spire_knows or impl == "signet" else ["any"]
            self.assertEqual(self.ids_in(engine, "other", impl), want, impl)
        # And a process beside them.
        for impl in IMPLS:
            done = engine.machine.run(self.probe_path(), "fetch-x509", "-socket", agents[impl].socket, uid=engine.uid)
            self.assertEqual(self.ids_of(json.loads(done.out.splitlines()[0])), ["any"], impl)
        self.figures(cgroup=path, engine=engine.version(), same_as_spire=spire_knows)

    def test_docker_in_cgroups_of_both_versions(self):
        machine = self.machine("both")
        docker = self.docker(machine)
        self.check(docker, self.agents(machine, docker), ":memory:/docker/ID")

    def test_docker_in_cgroups_of_version_2(self):
        machine = self.machine(2)
        docker = self.docker(machine)
        self.check(docker, self.agents(machine, docker), "0::/docker/ID")

    def test_docker_by_systemd(self):
        machine = self.machine(2, systemd=True)
        docker = self.docker(machine)
        agents = self.agents(machine, docker)
        self.check(docker, agents, "0::/system.slice/docker-ID.scope")
        # Any user may give a unit of their own the container's name. It makes them the container for SPIRE alone.
        self.server_.create_entry("/someone", "/node", [f"unix:uid:{USER}"])
        machine.log_in()
        number = docker.tell("container", "box", "{{.Id}}")

        def forge(impl):
            out = machine.as_user("systemd-run", "--user", "--wait", "--pipe", "-q", "--collect", "--unit",
                                  f"docker-{number}", self.probe_path(), "fetch-x509", "-socket", agents[impl].socket)
            return self.ids_of(json.loads(out.splitlines()[0]))
        for agent in agents.values():
            wait_until("the entry there", lambda: '/someone"' in agent.process.text(), 20)
        self.assertEqual(forge("signet"), ["someone"])
        self.assertIn("is not in the container", agents["signet"].process.text())
        self.assertEqual(forge("spire"), ["digest", "env", "image", "label", "someone"])

    # A line of version 2 names no container then, which SPIRE takes for a second one: "multiple container IDs".
    def test_podman_in_cgroups_of_version_1(self):
        machine = self.machine(1)
        podman = self.podman(machine, "crun")
        self.check(podman, self.agents(machine, podman), ":memory:/libpod_parent/libpod-ID", spire_knows=False)

    def test_podman_by_systemd(self):
        machine = self.machine(2, systemd=True)
        podman = self.podman(machine, "runc")
        self.check(podman, self.agents(machine, podman), "0::/machine.slice/libpod-ID.scope")

    def test_podman_of_a_user(self):
        machine = self.machine(2, systemd=True)
        podman = self.podman_of_user(machine)
        self.check(podman, self.agents(machine, podman),
                   f"0::/user.slice/user-{USER}.slice/user@{USER}.service/user.slice/libpod-ID.scope/container")
        # An agent without that capability says so, and needs none when the user opens the socket to all who
        # get into the user's folder, which is root alone.
        plain = self.agent_there("plain", "signet", machine)
        self.run_box(podman, {"plain": plain}, "closed", *MARKS)
        socket = f"/run/user/{USER}/podman/podman.sock"
        wait_until("only what `unix` says", lambda: self.ids_in(podman, "closed", "plain") == ["any"])
        self.assertIn(f"no permission to connect to {socket}", plain.process.text())
        machine.as_user("chmod", "666", socket)
        self.assertEqual(self.ids_in(podman, "closed", "plain"), ALL)


if __name__ == "__main__":
    unittest.main()
