"""What stands between agent and server: a relay that can be frozen, a cable that can be cut without a word."""

import os
import selectors
import socket
import subprocess
import threading

from .process import Process, wait_until


class Relay:
    """Passes connections on to `target`. Frozen, it takes all bytes and every connection and passes on nothing, as a
    dead program behind a living kernel does; what it swallowed is not made up for when it is thawed."""

    def __init__(self, address, target):
        self.listener = socket.create_server(address)
        self.target = target
        self.frozen = False
        self._ended = False
        self._pairs = []  # all there ever were
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._wake, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def freeze(self):
        self.frozen = True

    def thaw(self):
        self.frozen = False

    def open(self):
        """How many connections pass through."""
        return sum(len(pair) == 2 and all(pair) for pair in self._pairs)

    def kill(self):
        self._ended = True
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._wake.close()

    def _run(self):
        while not self._ended:
            for key, _ in self._selector.select():
                if key.fileobj is self.listener:
                    self._accept()
                elif isinstance(key.data, list):
                    self._pass(key.fileobj, key.data)

    def _accept(self):
        one, _ = self.listener.accept()
        pair = [one]
        if not self.frozen:
            try:
                pair.append(socket.create_connection(self.target))
            except OSError:
                return one.close()
        for end in pair:
            self._selector.register(end, selectors.EVENT_READ, pair)
        self._pairs.append(pair)
        return None

    # A pair of which something was swallowed stays as it is for ever: its ends would not understand one another.
    def _pass(self, end, pair):
        try:
            data = end.recv(1 << 16)
        except OSError:
            data = b""
        if self.frozen and len(pair) == 2:
            pair.append(None)
        if not data:
            self._selector.unregister(end)
            end.close()
            pair[:] = [None if other is end else other for other in pair]
            if len(pair) == 2 and any(pair):
                other = next(filter(None, pair))
                self._selector.unregister(other)
                other.close()
        elif len(pair) == 2:
            try:
                next(other for other in pair if other is not end).sendall(data)
            except OSError:
                pass  # its end is seen when it is read


class Cable:
    """Two network namespaces and a cable between them, made as root. A program runs in one when its command line
    begins with its prefix; Unix sockets and files are those of all."""

    # RFC 5737's addresses for examples: they are nowhere.
    ADDRESSES = ("192.0.2.1", "192.0.2.2")
    NOBODY = "02:00:00:00:00:99"

    def __init__(self):
        self.holders = [self._hold(), self._hold()]
        self.prefixes = [["nsenter", "-t", str(holder.pid), "-n", "--"] for holder in self.holders]
        self._ip(0, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(self.holders[1].pid))
        for end, address in enumerate(self.ADDRESSES):
            self._ip(end, "link", "set", "lo", "up")
            self._ip(end, "address", "add", f"{address}/24", "dev", "cable")
            self._ip(end, "link", "set", "cable", "up")

    @staticmethod
    def _hold():
        """A process that keeps a namespace of its own."""
        ours = os.readlink("/proc/self/ns/net")
        holder = Process("namespace", ["unshare", "-n", "sleep", "infinity"], os.devnull)
        wait_until("the namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != ours, 10)
        return holder

    def _ip(self, end, *words):
        subprocess.run([*self.prefixes[end], "ip", *words], check=True)

    def cut(self):
        """From now on what either sends goes to nobody, and nobody says so: neither end has a link that is down."""
        for end, other in enumerate(reversed(self.ADDRESSES)):
            self._ip(end, "neighbour", "replace", other, "lladdr", self.NOBODY, "nud", "permanent", "dev", "cable")

    def mend(self):
        for end, other in enumerate(reversed(self.ADDRESSES)):
            self._ip(end, "neighbour", "delete", other, "dev", "cable")

    def kill(self):
        for holder in self.holders:
            holder.kill()
