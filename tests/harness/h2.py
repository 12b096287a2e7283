"""Just enough HTTP/2 to be a bad gRPC client: frames by hand, well formed or cut short."""

import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _text(value):
    value = value.encode()
    assert len(value) < 127
    return bytes([len(value)]) + value


def headers(path, *more):
    """A request's header block: literals without indexing, no Huffman code."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
              ("te", "trailers"), ("content-type", "application/grpc"), *more]
    return b"".join(b"\0" + _text(k) + _text(v) for k, v in fields)


def message(payload=b""):
    """A gRPC message: not compressed, length, bytes."""
    return b"\0" + struct.pack(">I", len(payload)) + payload


def settings(**values):
    ids = {"window": 4, "max_frame": 5}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", ids[k], v) for k, v in values.items()))


def connect(target, seconds=5.0):
    """A path is a Unix socket, a port is TCP with TLS as gRPC wants it (ALPN h2), unverified."""
    if isinstance(target, int):
        plain = socket.create_connection(("127.0.0.1", target), seconds)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return context.wrap_socket(plain)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(seconds)
    end = time.monotonic() + seconds
    while True:
        try:
            s.connect(str(target))
            return s
        except BlockingIOError:  # we are faster than accept(): the backlog is full
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


class Heard:
    """What the other side said, and whether it has closed the connection."""

    def __init__(self):
        self.bytes, self.closed = b"", False

    def frames(self):
        """(kind, flags, stream) of each whole frame."""
        found, at = [], 0
        while at + 9 <= len(self.bytes):
            size = int.from_bytes(self.bytes[at:at + 3])
            found.append((self.bytes[at + 3], self.bytes[at + 4], int.from_bytes(self.bytes[at + 5:at + 9])))
            at += 9 + size
        return found

    def answer_to(self, stream):
        """Whether the stream was answered to its end, or reset."""
        return any(number == stream and (kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM))
                   for kind, flags, number in self.frames())


def hear(s, enough=lambda heard: False, seconds=5.0):
    """Reads until the other side closes or `enough`, and closes then. Who goes on in silence past so many
    seconds has not closed."""
    heard, end = Heard(), time.monotonic() + seconds
    with s:
        while not enough(heard) and (left := end - time.monotonic()) > 0:
            s.settimeout(left)
            try:
                some = s.recv(65536)
            except TimeoutError:
                break
            except OSError:  # reset
                some = b""
            if not some:
                heard.closed = True
                break
            heard.bytes += some
    return heard


def half_close(s):
    """Says that nothing more comes; of TLS what is heard after that is not read."""
    try:
        s.shutdown(socket.SHUT_WR)
    except OSError:  # the other side has gone already
        pass


def plain(target, seconds=5.0, source=None):
    """As connect(), but without TLS on a port; `source` is the caller's own address there."""
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target), seconds, source and (source, 0))
    return connect(target, seconds)
