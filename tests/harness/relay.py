"""A TCP relay between a client and a server that falls silent when it is told to: as a firewall that has
forgotten a connection, it keeps what is connected and moves no byte of it."""

import contextlib
import socket
import threading


class Relay:
    """Listens at a port of 127.0.0.1 and passes on to another one."""

    def __init__(self, to):
        self.to = to
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.changed = threading.Condition()
        self.silent = set()  # connections, by the client's socket
        self.silent_from_now_on = False
        self.sockets = {}  # the client's: the server's
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self, new_ones=False):
        """From its return on no byte passes on the connections there are; new_ones: nor on later ones."""
        with self.changed:
            self.silent.update(self.sockets)
            self.silent_from_now_on = new_ones

    def thaw(self):
        """Everything goes on, and what waited comes first."""
        with self.changed:
            self.silent.clear()
            self.silent_from_now_on = False
            self.changed.notify_all()

    def kill(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            ends = [self.listener, *self.sockets, *self.sockets.values()]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                try:
                    server = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    client.close()
                    continue
                with self.changed:
                    self.sockets[client] = server
                    if self.silent_from_now_on:
                        self.silent.add(client)
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(client, source, sink), daemon=True).start()

    def _pass(self, client, source, sink):
        with contextlib.suppress(OSError):
            while True:
                some = source.recv(65536)
                with self.changed:
                    self.changed.wait_for(lambda: self.closed or client not in self.silent)
                    if self.closed:
                        return
                    if not some:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(some)
