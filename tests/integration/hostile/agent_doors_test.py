"""Bad input to every method at both of the agent's sockets: what is no request, what is too large, callers who do
not read, callers who do not stop.

What is broken below the methods is bad_input_test.py's, and the port of `health_checks` health_http_test.py's.
"""

import json
import os
import re
import time
import unittest
import unittest.mock

from harness import h2, levels, paths, sds
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"
SDS = "/envoy.service.secret.v3.SecretDiscoveryService/"
DELEGATED = "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/"
LOGGER = "/spire.api.agent.logger.v1.Logger/"
# Methods that look at what their requests say, and those whose requests say nothing.
PUBLIC = ["/SpiffeWorkloadAPI/FetchJWTSVID", "/SpiffeWorkloadAPI/ValidateJWTSVID", SDS + "StreamSecrets",
          SDS + "FetchSecrets", SDS + "DeltaSecrets", "/grpc.health.v1.Health/Check",
          "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
          "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"]
PUBLIC_EMPTY = ["/SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/FetchX509Bundles",
                "/SpiffeWorkloadAPI/FetchJWTBundles", "/SpiffeWorkloadAPI/FetchWITSVID",
                "/SpiffeWorkloadAPI/FetchWITBundles"]
ADMIN = [DELEGATED + "SubscribeToX509SVIDs", DELEGATED + "FetchJWTSVIDs", LOGGER + "SetLogLevel",
         "/signet.explain.v1.AgentExplain/ExplainWorkload"]
ADMIN_EMPTY = [DELEGATED + "SubscribeToX509Bundles", DELEGATED + "SubscribeToJWTBundles", LOGGER + "GetLogger",
               LOGGER + "ResetLogLevel", "/spire.agent.debug.v1.Debug/GetInfo"]
STUCK, CHANGES = 60, 15


def field(number, value):
    """Of a protobuf message: bytes, or text."""
    value = value.encode() if isinstance(value, str) else value
    size, out = len(value), bytes([number << 3 | 2])
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size]) + value


def deep(levels_):
    """A google.protobuf.Struct in the metadata of an Envoy's node, so many structs deep."""
    value = b""
    for _ in range(levels_):
        value = field(5, field(1, field(1, "k") + field(2, value)))
    return field(2, field(3, field(1, field(1, "k") + field(2, value))))


# None of these is a message of any kind.
GARBAGE = {"no field": b"\xff" * 64, "cut short": b"\x0a\x7f" + b"x" * 10, "a field 0": b"\x02\x01x",
           "a number without end": b"\x08" + b"\xff" * 11, "groups without end": b"\x0b" * 10_000}
NO_UTF8 = b"\x0a\x04\xff\xfe\xfd\xfc"
SELECTOR = field(1, "unix") + field(2, OUR_UID.removeprefix("unix:"))


def head(method, stream=1):
    return h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.headers(method, ("workload.spiffe.io", "true")))


def data(message, stream=1, flags=h2.END_STREAM):
    """In frames of the size that everybody takes."""
    message = h2.message(message)
    parts = [message[at:at + 16384] for at in range(0, len(message), 16384)]
    return b"".join(h2.frame(h2.DATA, flags if part is parts[-1] else 0, stream, part) for part in parts)


@needs_signet
class AgentDoors(TestCase):
    def setUp(self):
        if os.geteuid() != 0:  # only root may count the descriptors of a process that cannot be looked into
            self.enterContext(unittest.mock.patch.dict(os.environ, SIGNET_DEBUG="1"))
        self.admin = self.folder / "private" / "admin.sock"
        self.s = self.server("signet")
        self.a = self.agent("signet", self.s, {"agent": {
            "admin_socket_path": str(self.admin), "authorized_delegates": [f"{TD}/me"]}})
        self.s.create_entry("/me", "/node", [OUR_UID])
        self.wait_ids(self.a, [f"{TD}/me"])
        self.doors = {self.a.socket: (PUBLIC, PUBLIC_EMPTY), self.admin: (ADMIN, ADMIN_EMPTY)}

    def served(self, want=None):
        """Others, at each interface."""
        want = want or [f"{TD}/me"]
        self.wait_ids(self.a, want)
        for method, lines in (("FetchSecrets", [{"typeUrl": sds.TYPE, "resourceNames": ["default"]}]),
                              ("DeltaSecrets", [{"typeUrl": sds.TYPE, "resourceNamesSubscribe": ["ROOTCA"]}, "wait 1"])):
            answers, end = sds.ask(self, self.a, method, lines)
            self.assertEqual((len(answers), end["code"]), (1, "OK"), end)
        for method, request in ((DELEGATED + "FetchJWTSVIDs", {"selectors": [{"type": "unix", "value": "uid:4711"}],
                                                               "audience": ["x"]}),
                                (LOGGER + "GetLogger", {}), ("/spire.agent.debug.v1.Debug/GetInfo", {})):
            _, end = self.call(self.admin, method[1:], request)
            self.assertEqual(end["code"], "PermissionDenied" if "JWT" in method else "OK", (method, end))
        for _ in range(3):  # the server has less than a second, which a busy machine may take
            said = self.a.cli("explain", "-pid", os.getpid(), "-socketPath", self.admin, "-output", "json")
            if "no answer within" not in said.out:
                break
        self.assertEqual((said.code, json.loads(said.out)["findings"]), (0, []), said)

    def settle(self, before):
        """When a server is late with what an explanation needs, the agent takes another connection beside the old one."""
        levels.settle(self, [self.a], before, spare=12)

    def ask(self, door, method, body):
        """One call with this body; whether it was ended, or has begun to be answered."""
        s = h2.connect(door, 10)
        s.sendall(h2.PREFACE + h2.settings() + head(method) + body)
        heard = h2.hear(s, lambda heard: heard.answer_to(1) or (h2.HEADERS, h2.END_HEADERS, 1) in heard.frames(), 10)
        return "ended" if heard.answer_to(1) else "answered" if heard.frames()[2:] else "silence"

    def refusals(self, since, method, codes):
        return len(re.findall(rf"method={re.escape(method)} .*status=({codes})\b", self.a.process.text()[since:]))

    def test_what_is_no_request_is_refused_by_each_method(self):
        def once():
            for door, (reading, empty) in self.doors.items():
                for name, body in GARBAGE.items():
                    for method in reading:
                        self.assertEqual(self.ask(door, method, data(body)), "ended", (method, name))
                    for method in empty:
                        self.assertNotEqual(self.ask(door, method, data(body)), "silence", (method, name))
        before = levels.measure([self.a], once)
        since = len(self.a.process.text())
        once()
        for reading, _ in self.doors.values():
            for method in reading:
                wait_until(f"the refusals of {method}", lambda m=method: self.refusals(
                    since, m, "INTERNAL|INVALID_ARGUMENT") >= len(GARBAGE), 5)
        self.settle(before)
        self.served()
        # Text that is not UTF-8: protobuf has words of its own for it, which are not ours to have in the log.
        since = len(self.a.process.text())
        for method in ("/SpiffeWorkloadAPI/FetchJWTSVID", SDS + "StreamSecrets", SDS + "FetchSecrets"):
            self.assertEqual(self.ask(self.a.socket, method, data(NO_UTF8)), "ended", method)
        strange = [line for line in self.a.process.text()[since:].splitlines() if not line.startswith("time=")]
        self.assertEqual(strange, [])

    def test_requests_that_are_too_large_or_too_deep(self):
        def once():
            for door, (reading, empty) in self.doors.items():
                size = (6 << 20 if door == self.a.socket else 300 << 10).to_bytes(4)
                for method in reading + empty:  # says how much is to follow
                    self.assertEqual(self.ask(door, method, h2.frame(
                        h2.DATA, 0, 1, b"\0" + size + b"x" * 100)), "ended", method)
            for method in (SDS + "StreamSecrets", SDS + "FetchSecrets"):
                self.assertEqual(self.ask(self.a.socket, method, data(deep(3_000))), "ended", method)
        before = levels.measure([self.a], once)
        since = len(self.a.process.text())
        for _ in range(3):
            once()
        for reading, empty in self.doors.values():
            for method in reading + empty:
                wait_until(f"the refusals of {method}", lambda m=method: self.refusals(
                    since, m, "RESOURCE_EXHAUSTED") >= 3, 5)
        self.settle(before)
        self.served()

    def test_requests_that_ask_for_too_much(self):
        """Well formed, and within what a message may have."""
        many = [field(3, f"{TD}/{n}") for n in range(2_000)]
        long = field(3, TD + "/" + "x" * 40_000)
        selectors = b"".join(field(1, field(1, "k8s") + field(2, f"n:{n}")) for n in range(2_000))
        delegated = selectors + field(1, field(1, "k8s") + field(2, "x" * 200_000))
        cases = [(self.a.socket, SDS + "StreamSecrets", b"".join(many)), (self.a.socket, SDS + "StreamSecrets", long),
                 (self.a.socket, SDS + "FetchSecrets", b"".join(many)), (self.a.socket, SDS + "DeltaSecrets", b"".join(many)),
                 (self.admin, DELEGATED + "SubscribeToX509SVIDs", selectors),
                 (self.admin, DELEGATED + "SubscribeToX509SVIDs", delegated),
                 (self.admin, "/signet.explain.v1.AgentExplain/ExplainWorkload", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")]

        def once():
            for door, method, body in cases:
                self.assertEqual(self.ask(door, method, data(body)), "ended", method)
            # 5,000 selectors are a question like another; nobody else waits for its answer.
            self.assertNotEqual(self.ask(self.admin, "/signet.explain.v1.AgentExplain/ExplainWorkload", data(b"".join(
                field(2, field(1, "unix") + field(2, f"uid:{n}")) for n in range(5_000)))), "silence")
        before = levels.measure([self.a], once)
        for _ in range(5):
            once()
        self.settle(before)
        self.served()

    # (door, method, first request): streams that are told of changes.
    def streams(self):
        return [(self.a.socket, SDS + "StreamSecrets", field(4, sds.TYPE)),
                (self.a.socket, SDS + "DeltaSecrets", field(2, sds.TYPE)),
                (self.admin, DELEGATED + "SubscribeToX509SVIDs", field(1, SELECTOR)),
                (self.admin, DELEGATED + "SubscribeToX509Bundles", b"")]

    def test_streams_that_are_not_read(self):
        """Each change is a message of its own for each of them; they are not piled up."""
        def stuck(door, method, body):
            s = h2.connect(door, 20)
            s.sendall(h2.PREFACE + h2.settings(window=0) + head(method) + data(body, flags=0))
            heard = h2.Heard()
            while (h2.HEADERS, h2.END_HEADERS, 1) not in heard.frames():
                heard.bytes += s.recv(65536)
            return s
        before = levels.measure([self.a], lambda: [stuck(*one).close() for one in self.streams()])
        open_ = [stuck(*one) for one in self.streams() for _ in range(STUCK)]
        full = self.a.process.rss_kib()
        want, entries = [f"{TD}/me"], []
        for n in range(CHANGES):
            entries.append(self.s.create_entry(f"/more/{n}", "/node", [OUR_UID]))
            want.append(f"{TD}/more/{n}")
            self.wait_ids(self.a, sorted(want))
        # About 2 KiB for each identity in each message. SDS and Delegated Identity wait for the reader with the
        # latest state alone, or none; a copy of every change for each stream would be 60 MiB.
        grown = self.a.process.rss_kib() - full
        self.figures(unread=len(open_), changes=CHANGES, grown_kib=grown)
        self.assertLess(grown, 16 * 1024)
        for entry in entries:
            self.s.must("entry", "delete", "-entryID", entry)
        self.wait_ids(self.a, [f"{TD}/me"])
        self.served()
        for s in open_:
            s.close()
        self.settle(before)

    def test_requests_without_end_on_a_stream_that_is_not_read(self):
        """A caller that asks as fast as it can and reads nothing costs others no time and the agent no memory."""
        def request(method, n):
            if method.endswith("StreamSecrets"):
                return field(1, "x" * 500) + field(3, ("ROOTCA", "default")[n % 2]) + field(4, sds.TYPE)
            if method.endswith("DeltaSecrets"):
                return field(2, sds.TYPE) + field(3, "ROOTCA") + field(3, f"{TD}/{n % 500}" + "x" * 500)
            return field(7, "*")  # the services, please

        def flood(method, seconds):
            with h2.connect(self.a.socket, 20) as s:
                s.sendall(h2.PREFACE + h2.settings(window=0) + head(method))
                s.setblocking(False)
                end, n, left = time.monotonic() + seconds, 0, b""
                while time.monotonic() < end:
                    if not left:
                        left = b"".join(data(request(method, n + i), flags=0) for i in range(20))
                        n += 20
                    try:
                        left = left[s.send(left):]
                    except BlockingIOError:  # the agent has enough
                        time.sleep(0.002)
                    except OSError:  # it has ended the connection
                        break
                began = time.monotonic()
                self.served()
                took = time.monotonic() - began
                grown = self.a.process.rss_kib()
            return n, took, grown
        methods = (SDS + "StreamSecrets", SDS + "DeltaSecrets", PUBLIC[-1])
        before = levels.measure([self.a], lambda: [flood(method, 0.2) for method in methods])
        for method in methods:
            with self.subTest(method=method):
                n, took, rss = flood(method, 2)
                self.figures(method=method.rsplit("/", 1)[1], requests=n, served_seconds=round(took, 2), grown_kib=rss - before[self.a.name][0])
                self.assertGreater(n, 20)
                self.assertLess(took, 5 * paths.slow())
                self.assertLess(rss - before[self.a.name][0], 16 * 1024)
        self.settle(before)


if __name__ == "__main__":
    unittest.main()
