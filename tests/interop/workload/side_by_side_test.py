"""SPIRE's agent and ours beside each other: one server, the same entries, the same callers, every call.

Each call of the Workload API is made to both agents as the same user, and the answers are compared
whole: messages, fields, order, codes and texts. Only what every agent draws for itself (keys, serials,
times to the second) is compared by what it says. What is known to differ stands in DIFFERS with the
answer of each; docs/spire-compatibility.md lists it.
"""

import base64
import functools
import itertools
import json
import os
import re
import time
import unittest

from harness import api_values, jwt
from harness.case import TestCase, UID_A, UID_B, UID_STRANGER, needs_root, needs_signet
from harness.mask import Masker
from harness.process import wait_until

TD, OTHER = "spiffe://example.org", "spiffe://other.org"
STREAMS = ("FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles", "FetchWITSVID", "FetchWITBundles")
CALLERS = {"a": UID_A, "b": UID_B, "stranger": UID_STRANGER}

# After these words SPIRE goes on with what a Go library calls the fault.
LIBRARY = re.compile(r"^(unable to parse JWT token|invalid requested SPIFFE ID|"
                     r"token has an invalid subject claim)(: .*)?$", re.S)


class Agent:
    """One of the two, and how it is asked."""

    def __init__(self, case, impl, server, **experimental):
        self.case, self.impl = case, impl
        self.node = case.agent(impl, server, {"agent": {
            "experimental": {"sync_interval": "1s", **experimental}, "allowed_foreign_jwt_claims": ["color"]}})
        self.mask = Masker()

    def ask(self, method, request, caller, header="workload.spiffe.io=true"):
        return self.case.workload_call(self.node, method, request, CALLERS[caller], header)

    def comparable(self, value, now, key=""):
        if isinstance(value, dict):
            return {k: self.comparable(v, now, k) for k, v in value.items() if k not in ("seconds", "messages")}
        if isinstance(value, list):
            return [self.comparable(v, now, key) for v in value]
        if key == "x509Svid":
            return api_values.certificate(value, now, self.mask.text)
        if key == "x509SvidKey":
            return f"<key of {len(value) // 10}0 characters>"
        if key == "svid":
            return api_values.token(value, now)
        if key in ("exp", "iat", "nbf"):
            return api_values.Near(value - now)
        if key == "message":
            return LIBRARY.sub(r"\1: <reason>", value)
        return value


def refused(code, text):
    return lambda lines: lines[-1]["code"] == code and lines[-1]["message"] == text


def answered(lines):
    return "answer" in lines[0]


_SIGNATURE = (refused("InvalidArgument", "go-jose/go-jose: error in cryptographic primitive"),
              refused("InvalidArgument", "token signature is invalid"))
# What is asked whose answers differ, by name: SPIRE's and ours.
DIFFERS = {
    # The same refusal in the words of Go's libraries.
    **dict.fromkeys(("a changed signature", "foreign another key's name", "foreign algorithm ES256",
                     "foreign algorithm RS512"), _SIGNATURE),
    "no signature": (_SIGNATURE[0], lambda lines: lines[-1]["code"] == "InvalidArgument"),
    "foreign not yet": (
        refused("InvalidArgument", "go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)"),
        refused("InvalidArgument", "token not valid yet (nbf)")),
    "foreign issued in the future": (
        refused("InvalidArgument", "go-jose/go-jose/jwt: validation field, token issued in the future (iat)"),
        refused("InvalidArgument", "token issued in the future (iat)")),
    "an empty audience": (
        refused("Unavailable", "could not fetch JWT-SVID: failed to fetch JWT SVID: rpc error: code = Internal "
                "desc = failed to sign JWT-SVID: invalid JWT-SVID audience: cannot be empty"),
        refused("Unavailable", "could not fetch JWT-SVID: failed to sign JWT-SVID: invalid JWT-SVID audience: "
                "cannot be empty")),
    # JWT-SVID 2.3: typ, when it is there, is JWT or JOSE. SPIRE does not look.
    "foreign another type": (answered, lambda lines: lines[-1]["code"] == "InvalidArgument"),
}


@needs_root
@needs_signet
class SideBySide(TestCase):
    show_logs = False

    def deploy(self):
        self.key, self.stranger = jwt.Key(self.folder, "known"), jwt.Key(self.folder, "unknown")
        server = self.server("spire")
        x5c = json.loads(server.must("bundle", "show", "-format", "spiffe").out)["keys"]
        document = {"keys": [*(k for k in x5c if k["use"] == "x509-svid"), self.key.jwk(use="jwt-svid")]}
        server.must("bundle", "set", "-id", "other.org", "-format", "spiffe", stdin=json.dumps(document))
        a, b = f"unix:uid:{UID_A}", f"unix:uid:{UID_B}"
        server.create_entry("/a/old", "/node", [a], "-hint", "same", "-entryID", "e5", "-x509SVIDTTL", "7200")
        time.sleep(1.1)  # created_at has seconds
        server.create_entry("/a/new", "/node", [a], "-hint", "same", "-entryID", "e1")
        server.create_entry("/a/federated", "/node", [a], "-federatesWith", "other.org", "-entryID", "e3",
                            "-dns", "a.example.org", "-dns", "b.example.org")
        server.create_entry("/a/hinted", "/node", [a, f"unix:gid:{UID_A}"], "-hint", "other", "-entryID", "e4",
                            "-jwtSVIDTTL", "600")
        server.create_entry("/b", "/node", [b], "-entryID", "e9")
        self.agents = [Agent(self, impl, server) for impl in ("spire", "signet")]
        for agent in self.agents:
            self.wait_ids(agent.node, sorted(f"{TD}/a/{x}" for x in ("federated", "hinted", "old")), uid=UID_A)
            self.wait_ids(agent.node, [f"{TD}/b"], uid=UID_B)
        return server

    def both(self, name, method, request=None, caller="a", **how):
        """One call to both, compared; gives SPIRE's lines and ours."""
        asked = []
        for agent in self.agents:
            now = time.time()
            lines = agent.ask(method, request or {}, caller, **how)
            asked.append((lines, [agent.comparable(line, now) for line in lines]))
        (theirs, want), (ours, got) = asked
        if folder := os.environ.get("SIGNET_TEST_RECORD"):
            with open(f"{folder}/side-by-side.jsonl", "a") as f:
                f.write(json.dumps({"name": name, "method": method, "spire": want, "signet": got}, default=repr) + "\n")
        with self.subTest(name=name, method=method, caller=caller):
            if name in DIFFERS:
                for whose, lines, right in zip(("SPIRE", "Signet"), (theirs, ours), DIFFERS[name]):
                    self.assertTrue(right(lines), f"{whose} answers {lines}")
            else:
                self.assertEqual(want, got, "SPIRE's answer first")
        return theirs, ours

    def test_every_call(self):
        server = self.deploy()
        for check in (self.headers, self.streams, self.jwt_svids):
            check()
        self.validation(server)
        self.tokens_with_a_number(server)

    def test_limits(self):
        """Who asks too often is told so in the same words; who has other selectors is not concerned."""
        server = self.server("spire")
        limits = {"fetch_x509_svid": 1, "fetch_x509_bundles": 1, "fetch_jwt_bundles": 1, "fetch_jwt_svid": 1}
        said = []
        for impl in ("spire", "signet"):
            agent = Agent(self, impl, server, ratelimit=limits)
            for method in (*STREAMS[:3], "FetchJWTSVID"):
                for _ in range(20):  # a busy machine may need a second for each
                    end = agent.ask(method, {"audience": ["x"]} if method == "FetchJWTSVID" else {}, "a")[-1]
                    if end["code"] != "PermissionDenied":
                        break
                said.append((method, end["code"], end["message"]))
                self.assertEqual(agent.ask(method, {"audience": ["x"]} if method == "FetchJWTSVID" else {},
                                           "b")[-1]["code"], "PermissionDenied")
        self.assertEqual(said[:4], said[4:])
        self.assertEqual(said[0], ("FetchX509SVID", "Unavailable",
                                   "rate limit exceeded for /SpiffeWorkloadAPI/FetchX509SVID"))

    def test_open_streams_as_things_change(self):
        """After each change the last message of each stream is the same. How often one is sent is not: SPIRE's agent
        may repeat itself, and ours does not."""
        server = self.deploy()
        document = server.must("bundle", "show", "-format", "spiffe").out
        methods = STREAMS[:3]
        streams = {(agent.impl, method, who): self.watch(
            f"{agent.impl}-{method}-{who}", "call", "-socket", agent.node.socket, "-method", f"SpiffeWorkloadAPI/{method}",
            "-header", "workload.spiffe.io=true", "-timeout", "120s", uid=CALLERS[who])
            for agent in self.agents for method in methods for who in ("a", "b")}

        def last(agent, method, who):
            lines = self.json_lines(streams[agent.impl, method, who])
            return agent.comparable(lines[-1], time.time()) if lines else None

        def same():
            return all((seen := last(self.agents[0], *what)) is not None and seen == last(self.agents[1], *what)
                       for what in itertools.product(methods, ("a", "b")))

        def after(what, method, who, check):
            for agent in self.agents:
                wait_until(f"{agent.impl}: {what}", lambda a=agent: (x := last(a, method, who)) and check(x), 30, 0.1)
            try:
                wait_until(f"the same of both: {what}", same, 10, 0.2)
            except AssertionError:
                for method, who in itertools.product(methods, ("a", "b")):
                    self.assertEqual(*(last(agent, method, who) for agent in self.agents), (what, method, who))

        def svids(message, field="spiffeId"):
            return [svid.get(field, "") for svid in message.get("answer", {}).get("svids", [])]
        x509, bundles, jwks = methods
        after("the first messages", x509, "a", lambda m: len(svids(m)) == 3)
        server.create_entry("/a/more", "/node", [f"unix:uid:{UID_A}"], "-entryID", "e2", "-hint", "more")
        after("one more", x509, "a", lambda m: f"{TD}/a/more" in svids(m))
        server.must("entry", "update", "-entryID", "e2", "-spiffeID", f"{TD}/a/more", "-parentID", f"{TD}/node",
                    "-selector", f"unix:uid:{UID_A}", "-hint", "changed")
        after("another hint", x509, "a", lambda m: "changed" in svids(m, "hint"))
        server.must("bundle", "set", "-id", "new.org", "-format", "spiffe", stdin=document)
        server.must("entry", "update", "-entryID", "e9", "-spiffeID", f"{TD}/b", "-parentID", f"{TD}/node",
                    "-selector", f"unix:uid:{UID_B}", "-federatesWith", "spiffe://new.org")
        after("a federated bundle", bundles, "b", lambda m: "spiffe://new.org" in m["answer"]["bundles"])
        keys = json.loads(document)["keys"]
        server.must("bundle", "set", "-id", "new.org", "-format", "spiffe", stdin=json.dumps(
            {"keys": [*(k for k in keys if k["use"] == "x509-svid"), self.key.jwk(use="jwt-svid")]}))
        after("another one", jwks, "b", lambda m: self.key.jwk()["kid"] in base64.b64decode(
            m["answer"]["bundles"]["spiffe://new.org"]).decode())
        first = last(self.agents[0], bundles, "a")
        server.must("localauthority", "x509", "prepare")
        after("a prepared authority", bundles, "a", lambda m: m != first)
        server.must("entry", "delete", "-entryID", "e1")
        server.must("entry", "delete", "-entryID", "e5")
        after("the two of one hint are gone", x509, "a", lambda m: f"{TD}/a/old" not in svids(m))
        server.must("entry", "delete", "-entryID", "e9")
        after("none left", x509, "b", lambda m: m.get("code") == "PermissionDenied")

    def headers(self):
        for method in (*STREAMS, "FetchJWTSVID", "ValidateJWTSVID"):
            for header in (None, "workload.spiffe.io=True", "workload.spiffe.io=", "workload.spiffe.ix=true"):
                self.both(f"header {header}", method, {"audience": "x"} if method == "ValidateJWTSVID" else {},
                          header=header)

    def streams(self):
        for method in STREAMS:
            for caller in CALLERS:
                self.both("stream", method, {}, caller)

    def jwt_svids(self):
        ask = functools.partial(self.both, method="FetchJWTSVID")
        for caller in CALLERS:
            ask("one audience", request={"audience": ["one"]}, caller=caller)
            ask("no audience", request={}, caller=caller)
        ask("two audiences", request={"audience": ["two", "one"]})
        ask("an audience twice", request={"audience": ["one", "one"]})
        ask("an empty audience", request={"audience": [""]})
        ask("a long audience", request={"audience": ["x" * 2000]})
        for path in ("/a/old", "/a/new", "/a/hinted", "/b", "/none", ""):
            ask(f"by ID {path}", request={"audience": ["one"], "spiffe_id": TD + path})
        ask("by ID of another domain", request={"audience": ["one"], "spiffe_id": OTHER + "/a/old"})
        for bad in ("x", "spiffe://", "http://example.org/a", TD + "/", TD + "//a", TD + "/a/../b", TD + "/é",
                    TD + "/a?b", TD + "/a#b", "spiffe://user@example.org/a", "spiffe://example.org:1/a",
                    "spiffe://EXAMPLE.org/a", TD + "/%41"):
            ask(f"malformed ID {bad}", request={"audience": ["one"], "spiffe_id": bad})

    def validation(self, server):
        ask = functools.partial(self.both, method="ValidateJWTSVID")
        ours = server.must("jwt", "mint", "-spiffeID", f"{TD}/minted", "-audience", "one").out.strip()
        for caller in CALLERS:
            ask("a good token", request={"audience": "one", "svid": ours}, caller=caller)
        ask("no audience", request={"svid": ours})
        ask("no token", request={"audience": "one"})
        ask("nothing", request={})
        ask("another audience", request={"audience": "two", "svid": ours})
        ask("a changed signature", request={"audience": "one", "svid": ours[:-8] + "AAAAAAAA"})
        signed = ours.rpartition(".")[0]
        ask("no signature", request={"audience": "one", "svid": signed + "."})
        for text in ("x", "x.y.z", "..", "a.b", ours + ".x", signed, f" {ours}", f"{signed}=.AAAA"):
            ask(f"no token: {text.replace(signed, '...')}", request={"audience": "one", "svid": text})

        now = int(time.time())
        good = {"sub": f"{OTHER}/x", "aud": ["one"], "exp": now + 600, "iat": now}

        def foreign(name, head=None, caller="a", key=self.key, **claims):
            claims = {k: v for k, v in {**good, **claims}.items() if v is not None}
            ask(f"foreign {name}", request={"audience": "one", "svid": key.token(claims, **(head or {}))}, caller=caller)
        foreign("good")
        foreign("of a caller that does not federate", caller="b")
        foreign("of a caller without an identity", caller="stranger")
        foreign("claims that are allowed and not", color="red", size=3)
        foreign("one audience as a text", aud="one")
        foreign("several audiences", aud=["zero", "one"])
        foreign("no audience", aud=None)
        foreign("other audiences", aud=["two", "three"])
        foreign("no end", exp=None)
        foreign("expired", exp=now - 3600, iat=now - 7200)
        foreign("expired within the leeway", exp=now - 20)
        foreign("not yet", nbf=now + 3600)
        foreign("issued in the future", iat=now + 3600)
        foreign("no subject", sub=None)
        foreign("a subject that is no ID", sub="somebody")
        foreign("a subject of a domain without a bundle", sub="spiffe://unknown.org/x")
        foreign("a subject without a path", sub=OTHER)
        foreign("a subject of our own domain", sub=f"{TD}/a/old")
        foreign("a key that is not known", key=self.stranger)
        foreign("another key's name", key=self.stranger, head={"kid": "known"})
        foreign("no key ID", head={"kid": None})
        foreign("an empty key ID", head={"kid": ""})
        foreign("no type", head={"typ": None})
        foreign("type JOSE", head={"typ": "JOSE"})
        foreign("another type", head={"typ": "other"})
        foreign("a header more", head={"x5u": "https://example.org/x"})
        for alg in ("none", "HS256", "ES256", "RS512", "EdDSA", None):
            foreign(f"algorithm {alg}", head={"alg": alg})

    def tokens_with_a_number(self, server):
        """SPIRE's agent loses jwt_svid_include_jti on its way and caches such tokens; ours asks each time."""
        answers, _ = self.call(server, "spire.api.server.entry.v1.Entry/BatchCreateEntry", {"entries": [{
            "spiffe_id": {"trust_domain": "example.org", "path": "/b/jti"}, "id": "e10",
            "parent_id": {"trust_domain": "example.org", "path": "/node"},
            "selectors": [{"type": "unix", "value": f"uid:{UID_B}"}],
            "additional_attributes": {"jwt_svid_include_jti": True}}]})
        self.assertEqual(answers[0]["results"][0]["status"].get("code", 0), 0, answers)
        request = {"audience": ["one"], "spiffe_id": f"{TD}/b/jti"}
        for agent, different in zip(self.agents, (1, 2)):
            wait_until(f"{agent.impl} to know the entry", lambda a=agent: "answer" in a.ask("FetchJWTSVID", request, "b")[0])
            tokens = {agent.ask("FetchJWTSVID", request, "b")[0]["answer"]["svids"][0]["svid"] for _ in range(2)}
            self.assertEqual(len(tokens), different, agent.impl)


if __name__ == "__main__":
    unittest.main()
