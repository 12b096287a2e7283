"""Calls of the server's gRPC API, made to SPIRE and to Signet and compared.

A test is a method that returns a table of calls and has the mark @table. Each call names the rows of
tests/interop/api/rows.txt that it shows; the table is made without any server, so that the list of
what is covered can be made from it.
"""

import base64
import dataclasses
import functools
import json
import os
import time
from typing import Callable

from . import api_rows, api_values, paths
from .case import TestCase
from .mask import Masker


@dataclasses.dataclass
class Call:
    """rows:    names of rows of `method`, "-" for none: an odd request whose answer must be equal
    method:  "Agent/GetAgent"
    request: a dict, JSON lines for a stream, or a function of the Side that gives either
    caller:  local (the admin socket), nobody, agent, down (a server below), admin (by an entry),
             operator (by admin_ids)
    differs: None, or a function that gets our answers and SPIRE's, which are known to be different,
             and says whether ours are as docs/spire-compatibility.md has it
    """
    rows: str
    method: str
    request: dict | str | Callable = dataclasses.field(default_factory=dict)
    caller: str = "local"
    flags: tuple = ()
    differs: Callable | None = None


def service(name):
    """How the calls of one service are written: agent = service("Agent"); agent("good", "GetAgent")."""
    def make(rows, method, *args, **kw):
        return Call(rows, f"{name}/{method}", *args, **kw)
    return make


def do(action):
    """A step of a table that is no call: a function of the Side."""
    return Call("-", "", action)


def pause(seconds):
    """Both sides at once: SPIRE reads its own entries once a second here, and tells nobody."""
    return Call("-", "", seconds)


def refused_with(code, text=""):
    """For `differs`: ours ends with this status."""
    return lambda ours, theirs: ours[-1]["code"] == code and text in ours[-1]["message"]


def table(over=None):
    """The mark of a test whose method returns a list of calls. over: settings of both servers, or a
    function of the test that gives them."""
    def mark(method):
        @functools.wraps(method)
        def test(self):
            self.compare(method(self), over(self) if callable(over) else over)
        test.calls = method
        return test
    return mark


def td(path):
    return {"trust_domain": "example.org", "path": path}


def entry(number, **more):
    return {"id": f"e{number}", "spiffe_id": td(f"/w/{number}"), "parent_id": td("/host"),
            "selectors": [{"type": "unix", "value": f"uid:{number}"}], **more}


class Side:
    """One server and the identities that call it over TCP."""

    def __init__(self, case, impl, over=None):
        self.case, self.impl = case, impl
        self.server = case.server(impl, over)
        self.agent = self.server.folder / "agent"
        self.agent_id = self.join(self.server.token("/host"), self.agent)
        self.mask = Masker(port=self.server.port)
        self.sent = set()  # every value of a request

    def join(self, token, folder):
        """Attests as an agent whose identity is then in `folder`; gives its SPIFFE ID."""
        folder.mkdir()
        _, lines = self.case.probe("join", "-addr", f"127.0.0.1:{self.server.port}", "-token", token,
                                   "-dir", folder)
        return lines[0]["spiffe_id"]

    def become(self, agent):
        """Calls as the real agent whose folder this is, from now on."""
        data = json.loads((agent.data / "agent-data.json").read_text())
        key, = json.loads((agent.data / "keys.json").read_text())["keys"].values()
        self.agent = agent.folder / "identity"
        self.agent.mkdir()
        (self.agent / "svid.pem").write_bytes(b"".join(map(base64.b64decode, data["svid"])))
        (self.agent / "key.pem").write_text(
            f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")

    def own(self):
        return td(self.agent_id.removeprefix("spiffe://example.org"))

    def downstream(self):
        """The identity of a server below this one, which an entry allows to be that."""
        return self.minted("/down", "-downstream")

    def minted(self, path, *flags):
        """The identity of this path, by an entry with these flags, if any."""
        folder = self.server.folder / path[1:]
        if not folder.exists():
            folder.mkdir()
            if flags:
                self.server.create_entry(path, "/host", ["unix:uid:9"], *flags, "-entryID", path[1:])
                time.sleep(2.5 if self.impl == "spire" else 0)
            self.server.must("x509", "mint", "-spiffeID", f"spiffe://example.org{path}", "-write", folder)
        return folder

    def csr(self, *flags):
        return self.case.probe("csr", *flags)[1][0]["csr"]

    def ask(self, method, request):
        """One answer of the admin socket as it is."""
        answers, end = self.case.call(self.server, api_rows.methods()[method], request)
        assert end["code"] == "OK", end
        return answers[0]

    def request_of(self, call):
        request = call.request(self) if callable(call.request) else call.request
        request = request if isinstance(request, str) else json.dumps(request)
        for line in request.splitlines():
            if line.startswith("{"):
                self.sent |= api_values.scalars(json.loads(line))
        return request

    def call(self, call, request):
        """The probe's lines: each answer, and the status."""
        address = ["-addr", f"127.0.0.1:{self.server.port}"]
        who = {"local": lambda: ["-socket", self.server.socket], "nobody": lambda: address,
               "agent": lambda: [*address, "-dir", self.agent],
               "down": lambda: [*address, "-dir", self.downstream()],
               "admin": lambda: [*address, "-dir", self.minted("/admin", "-admin")],
               "operator": lambda: [*address, "-dir", self.minted("/operator")]}[call.caller]()
        _, lines = self.case.probe("call", *who, "-method", api_rows.methods()[call.method], *call.flags,
                                   stdin=request)
        for line in lines:
            line.pop("seconds", None)
        return lines

    def comparable(self, call, lines, given, now):
        """With masks for what no two servers have in common, and sets in order."""
        lines = [api_values.comparable(line, given, now, self.mask.text) for line in lines]
        return _in_order(lines) if call.method.endswith("AuthorizedEntries") else lines


def _in_order(lines):
    """Authorised entries are a set: what is on which page differs, how much is on each does not."""
    answers = [line["answer"] for line in lines[:-1]]
    pages = [[len(a.get("entryRevisions", [])), len(a.get("entries", [])), a.get("more", False)]
             for a in answers]
    entries = sorted((e for a in answers for e in a.get("entries", [])), key=lambda e: e["id"])
    revisions = sorted((r for a in answers for r in a.get("entryRevisions", [])), key=lambda r: r["id"])
    return [{"pages": pages, "entries": entries, "revisions": revisions}, lines[-1]]


class ApiTest(TestCase):
    show_logs = False
    other = "signet" if paths.have_signet() else "spire"

    def compare(self, calls, over=None):
        rows = api_rows.read()
        theirs, ours = Side(self, "spire", over), Side(self, self.other, over)
        made = differ = 0
        for n, call in enumerate(calls):
            if not call.method:
                if callable(call.request):
                    for side in (theirs, ours):
                        call.request(side)
                else:
                    time.sleep(call.request)
                continue
            made += 1
            request = theirs.request_of(call)
            asked_at, answers = time.time(), theirs.call(call, request)
            our_request = ours.request_of(call)
            given = theirs.sent & ours.sent
            our_asked_at, our_answers = time.time(), ours.call(call, our_request)
            want = theirs.comparable(call, answers, given, asked_at)
            got = ours.comparable(call, our_answers, given, our_asked_at)
            self._keep(call, request, want, got)
            with self.subTest(number=n, rows=call.rows, caller=call.caller, method=call.method,
                              request=request[:300]):
                for name in call.rows.split() if call.rows != "-" else ():
                    self.assertIsNone(rows[call.method, name].problem(request, answers))
                if call.differs:
                    self.assertNotEqual(want, got, "no difference any more: compare them")
                    self.assertTrue(call.differs(got, want), got)
                else:
                    differ += want != got
                    self.assertEqual(want, got, "SPIRE's answer first")
        print(f"    {made} calls, {differ} differ")

    def _keep(self, call, request, want, got):
        """For reading: SIGNET_TEST_RECORD names a folder."""
        if folder := os.environ.get("SIGNET_TEST_RECORD"):
            with open(f"{folder}/{self._testMethodName}.jsonl", "a") as f:
                f.write(json.dumps({"rows": call.rows, "caller": call.caller, "method": call.method,
                                    "request": request, "answers": want, "ours": got}) + "\n")
