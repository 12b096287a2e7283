"""A machine within this one, for what must not touch the machine of the test: container engines, systemd, users.

It has processes, mounts, cgroups and a network of its own; files outside /run and the engines' folders are shared,
so a socket in the test's folder is reached from both sides. What runs in it is started through argv(). Its network
has only the loopback device. Needs root; nothing is left when it has ended.
"""

import os
import pathlib
import shutil
import time

from .process import Process, run, wait_until

USER = 4242  # "someone": in the machine only, with 65,536 subordinate numbers from 500,000

UNITS = {
    "default.target": "[Unit]\nRequires=dbus.socket\n",
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": """[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
""",
    # What Debian's does but for PAM: the user's slice, manager and bus.
    "user@.service": """[Unit]
DefaultDependencies=no
[Service]
Type=notify
User=%i
Slice=user-%i.slice
Delegate=pids memory
KillMode=mixed
Environment=XDG_RUNTIME_DIR=/run/user/%i SYSTEMD_UNIT_PATH={folder}/user-units
Environment=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/%i/bus
ExecStart=/lib/systemd/systemd --user --log-target=console
""",
}
USER_UNITS = {
    "default.target": "[Unit]\nRequires=dbus.socket\n",
    "basic.target": "[Unit]\n",  # of units that systemd-run makes
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=%t/bus\n",
    "dbus.service": """[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation
""",
}


# From the cgroups of the test to ones of the machine's, /test in each hierarchy.
INTO_CGROUP = """
for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -e $root/cgroup.procs ] && mkdir -p $root/test && echo 0 >$root/test/cgroup.procs
done
exec "$@"
"""


class Machine:
    """systemd: whether it runs there. version: of the cgroups that programs there see: 1, 2, or "both"."""

    def __init__(self, folder, version, systemd=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        self.systemd = systemd
        self.log = self.folder / "machine.log"
        self._write("units", UNITS)
        self._write("user-units", USER_UNITS)
        for name, line in (("passwd", f"someone:x:{USER}:{USER}::/run/someone:/bin/sh"), ("group", f"someone:x:{USER}:"),
                           ("subuid", "someone:500000:65536"), ("subgid", "someone:500000:65536")):
            (self.folder / name).write_text(line + "\n")
        self.process = Process("machine", [
            "unshare", "-m", pathlib.Path(__file__).with_suffix(".sh"), self.folder,
            "systemd" if systemd else "none", version], self.log)
        self._first = None
        try:
            self._wait_ready()
        except AssertionError:
            self.kill()
            raise

    def _write(self, folder, units):
        (self.folder / folder).mkdir()
        for name, text in units.items():
            (self.folder / folder / name).write_text(text.replace("{folder}", str(self.folder)))

    def _wait_ready(self):
        def ready():
            if not self.process.running():
                raise AssertionError(f"the machine ended:\n{self.process.text()[-4000:]}")
            return (self.folder / "ready").exists()
        wait_until("the machine", ready)
        self._first = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        if self.systemd:
            wait_until("systemd", lambda: self.run("systemctl", "is-active", "dbus.socket").code == 0)

    def argv(self, *words, uid=None, env=None, network=True):
        """The command line, outside, that runs `words` there. network: in its own network, else in ours."""
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []
        set_env = ["env", *(f"{name}={value}" for name, value in env.items())] if env else []
        return ["nsenter", "-t", self._first, "-m", "-p", "-C", *(["-n"] if network else []), "sh", "-c", INTO_CGROUP,
                "sh", *become, *set_env, *(str(w) for w in words)]

    def run(self, *words, uid=None, env=None, seconds=60.0):
        return run(self.argv(*words, uid=uid, env=env), seconds=seconds)

    def must(self, *words, **kw):
        done = self.run(*words, **kw)
        assert done.code == 0, f"{' '.join(map(str, words))}: {done}"
        return done.out.strip()

    def log_in(self):
        """A session of the user's own: /run/user/N, a manager and a bus; needs systemd."""
        for folder in (f"/run/user/{USER}", "/run/someone"):
            self.must("install", "-d", "-m", "700", "-o", USER, "-g", USER, folder)
        self.must("systemctl", "start", f"user@{USER}.service")

    def as_user(self, *words, seconds=60.0):
        return self.must(*words, uid=USER, seconds=seconds, env={
            "HOME": "/run/someone", "XDG_RUNTIME_DIR": f"/run/user/{USER}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{USER}/bus"})

    def kill(self):
        self.process.kill()  # and with it all that runs there
        cgroups = self.folder / "cgroups"
        for name in cgroups.read_text().split() if cgroups.exists() else []:
            self._remove(pathlib.Path(name))
        shutil.rmtree(self.folder / "kept", ignore_errors=True)

    @staticmethod
    def _remove(cgroup):
        # A process that was killed leaves its cgroup a moment later.
        end = time.monotonic() + 20
        while cgroup.exists():
            try:
                for below, _, _ in os.walk(cgroup, topdown=False):
                    os.rmdir(below)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
