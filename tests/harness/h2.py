"""Just enough HTTP/2 to be a bad gRPC client: frames by hand, well formed or cut short."""

import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
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
    s.connect(str(target))
    return s


def plain(target, seconds=5.0, source=None):
    """As connect(), but without TLS on a port; `source` is the caller's own address there."""
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target), seconds, source and (source, 0))
    return connect(target, seconds)
