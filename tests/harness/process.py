"""A child process whose output goes to a file, and waiting with a deadline instead of sleeping."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

from . import paths

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    # Even a test runner that is killed leaves nothing behind. The signal follows the *thread* that
    # made the child, so children are started from the main thread.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Timeout(AssertionError):
    pass


def wait_until(what, check, seconds=20.0, interval=0.02):
    """Calls check() until it returns something true, and returns that; fails after `seconds`."""
    end = time.monotonic() + seconds * paths.slow()
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"waited {seconds * paths.slow():.1f} s for {what}")
        time.sleep(interval)


def wait_listens(path, seconds=20.0):
    """Waits until somebody lets callers in at a Unix socket; its path is there a moment before."""
    def listens():
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(str(path))
                return True
            except OSError:
                return False
    wait_until(f"somebody to listen at {path}", listens, seconds)


class Process:
    """A started program. `log` is the file with its standard output and error."""

    def __init__(self, name, argv, log, env=None, uid=None, gid=None, cwd=None, stdin=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log = pathlib.Path(log)
        full = {k: v for k, v in os.environ.items() if not k.startswith(("SPIRE_", "SPIFFE_"))}
        full.update(env or {})
        self._start = self.log.stat().st_size if self.log.exists() else 0
        self._out = open(self.log, "ab")
        extra = {}
        if uid is not None:
            extra = {"user": uid, "group": uid if gid is None else gid, "extra_groups": []}
        self.popen = subprocess.Popen(
            self.argv, stdout=self._out, stderr=subprocess.STDOUT, stdin=stdin or subprocess.DEVNULL,
            env=full, cwd=cwd, preexec_fn=_die_with_parent, start_new_session=True, **extra)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def text(self):
        """What this run of the program has written so far."""
        with open(self.log, "rb") as f:
            f.seek(self._start)
            return f.read().decode(errors="replace")

    def wait_log(self, needle, seconds=20.0):
        """Waits until `needle` is in the output; fails at once when the program ends without it."""
        def check():
            over = not self.running()  # looked at first, so that the last words are not missed
            if needle in self.text():
                return True
            if over:
                raise AssertionError(f"{self.name} ended with {self.popen.returncode} without saying "
                                     f"{needle!r}:\n{self.text()[-4000:]}")
            return False
        wait_until(f"{self.name} to say {needle!r}", check, seconds)

    def wait_exit(self, seconds=20.0):
        try:
            return self.popen.wait(seconds * paths.slow())
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.name} did not end in {seconds * paths.slow():.1f} s") from None

    def terminate(self, seconds=20.0):
        """SIGTERM, and its exit code. A process that does not drain in time fails the test."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait_exit(seconds)

    def kill(self):
        """SIGKILL, as a power cut would."""
        if self.running():
            self.popen.kill()
        self.popen.wait()
        self._out.close()

    # What the kernel says of it; for leaks.
    def rss_kib(self):
        return self._status_kib("VmRSS:")

    def anonymous_kib(self):
        """Without the pages of programs and libraries, which the kernel takes and gives back as it likes."""
        return self._status_kib("RssAnon:")

    def _status_kib(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def opened(self):
        """What its descriptors are of, as /proc names it: paths, "socket:[inode]"."""
        found = set()
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.add(os.readlink(entry.path))
        return found

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))


class Result:
    """A finished command."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def run(argv, stdin="", uid=None, env=None, seconds=30.0, cwd=None):
    """Runs a command to its end; never raises for its exit code."""
    full = {k: v for k, v in os.environ.items() if not k.startswith(("SPIRE_", "SPIFFE_"))}
    full.update(env or {})
    extra = {"user": uid, "group": uid, "extra_groups": []} if uid is not None else {}
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True,
                          timeout=seconds * paths.slow(), env=full, cwd=cwd,
                          preexec_fn=_die_with_parent, **extra)
    return Result(done.returncode, done.stdout, done.stderr)
