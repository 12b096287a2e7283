"""The admin socket's APIs, side by side with SPIRE's agent: the same entries, the same callers, the same answers.

Both agents have one server, SPIRE's, and one parent for their entries. What may differ is masked (keys, times,
tokens); what differs on purpose is said where it is tested.
"""

import json
import time
import unittest

from harness.case import OUR_UID, TestCase, UID_A, UID_STRANGER, needs_root, needs_signet
from harness.mask import Masker
from harness.process import wait_listens, wait_until

TD = "spiffe://example.org"
API = "spire.api.agent.delegatedidentity.v1.DelegatedIdentity"
SVIDS, X509_BUNDLES = f"{API}/SubscribeToX509SVIDs", f"{API}/SubscribeToX509Bundles"
JWTS, JWT_BUNDLES = f"{API}/FetchJWTSVIDs", f"{API}/SubscribeToJWTBundles"
DEBUG, LOGGER = "spire.agent.debug.v1.Debug", "spire.api.agent.logger.v1.Logger"


def selectors(*texts):
    return {"selectors": [dict(zip(("type", "value"), text.split(":", 1))) for text in texts]}


SHOP = selectors("k8s:ns:shop")


def plain(answer):
    """What has to be the same, of any answer of the API."""
    out = {"federates_with": answer.get("federatesWith", [])}
    out["x509"] = [{"id": item["x509Svid"]["id"], "hint": item["x509Svid"].get("hint", ""),
                    "chain": len(item["x509Svid"]["certChain"]), "key": bool(item["x509SvidKey"]),
                    "expires": bool(item["x509Svid"]["expiresAt"])} for item in answer.get("x509Svids", [])]
    out["jwt"] = [{"id": item["id"], "hint": item.get("hint", ""), "parts": item["token"].count("."),
                   "ttl": int(item["expiresAt"]) - int(item["issuedAt"])} for item in answer.get("svids", [])]
    out["certificates"] = answer.get("caCertificates", {})
    out["bundles"] = answer.get("bundles", {})
    return out


@needs_signet
class DelegatedIdentity(TestCase):
    def setUp(self):
        self.spire_server = self.server("spire", {"server": {"default_jwt_svid_ttl": "5m"}})
        self.other_bundle()
        for words in (("/delegate", [OUR_UID], "-entryID", "delegate"),
                      ("/plain", [f"unix:uid:{UID_A}"], "-entryID", "plain"),
                      ("/shop", ["k8s:ns:shop"], "-entryID", "shop-1", "-hint", "web"),
                      ("/twin", ["k8s:ns:shop"], "-entryID", "shop-2", "-hint", "web", "-federatesWith",
                       "spiffe://other.org"),
                      ("/admin", ["k8s:ns:shop"], "-entryID", "shop-3", "-admin"),
                      ("/downstream", ["k8s:ns:shop"], "-entryID", "shop-4", "-downstream")):
            self.entry(*words)
        self.agents = {impl: self.agent(impl, self.spire_server, {"agent": {
            "admin_socket_path": str(self.folder / impl / "admin.sock"),
            "authorized_delegates": [f"{TD}/delegate"], "experimental": {"sync_interval": "1s"}}})
            for impl in ("spire", "signet")}
        for agent in self.agents.values():
            self.wait_ids(agent, [f"{TD}/delegate"])
            wait_listens(self.admin(agent))

    def other_bundle(self):
        """Another trust domain, with this one's keys."""
        bundle = self.spire_server.must("bundle", "show", "-format", "spiffe").out
        self.spire_server.must("bundle", "set", "-id", "spiffe://other.org", "-format", "spiffe", stdin=bundle)

    def entry(self, path, chosen, *more):
        self.spire_server.create_entry(path, "/node", chosen, *more)

    def admin(self, agent):
        return self.folder / agent.impl / "admin.sock"

    def both(self, method, request, uid=None, **kw):
        """Calls both and compares; an open stream's first message is awaited. Returns SPIRE's (answers, end)."""
        got = {}
        for impl, agent in self.agents.items():
            words = ("call", "-socket", self.admin(agent), "-method", method, "-request", json.dumps(request))
            _, lines = self.probe(*words, uid=uid, **kw)
            got[impl] = ([plain(x["answer"]) for x in lines if "answer" in x],
                         (lines[-1]["code"], lines[-1]["message"]))
        self.assertEqual(got["signet"], got["spire"], (method, request))
        return got["spire"]

    def watches(self, method, request):
        """An open stream at each agent."""
        self.streams = getattr(self, "streams", 0) + 1
        return {impl: self.watch(f"stream-{impl}-{self.streams}", "call", "-socket", self.admin(agent), "-method",
                                 method, "-request", json.dumps(request), "-timeout", "60s")
                for impl, agent in self.agents.items()}

    def last(self, stream):
        answers = [x["answer"] for x in self.json_lines(stream) if "answer" in x]
        return plain(answers[-1]) if answers else None

    def wait_last(self, streams, what, check):
        """Until the last message of both is so; they have to be equal then."""
        for impl, stream in streams.items():
            wait_until(f"{impl}: {what}", lambda stream=stream: (lambda m: m is not None and check(m))(
                self.last(stream)), 30)
        self.assertEqual(self.last(streams["signet"]), self.last(streams["spire"]), what)

    def ends(self, streams):
        out = {}
        for impl, stream in streams.items():
            stream.wait_exit(30)
            line = self.json_lines(stream)[-1]
            out[impl] = (line["code"], line["message"])
        self.assertEqual(out["signet"], out["spire"])
        return out["spire"]

    def test_tokens_and_errors(self):
        answers, end = self.both(JWTS, {**SHOP, "audience": ["one", "two"]})
        self.assertEqual(end, ("OK", ""))
        self.assertEqual([item["id"]["path"] for item in answers[0]["jwt"]], ["/shop", "/twin"])
        both = {**SHOP, "pid": 1}
        for request in ({}, both):
            for method in (SVIDS, JWTS):
                _, end = self.both(method, {**request, **({"audience": ["a"]} if method == JWTS else {})})
                self.assertEqual(end, ("InvalidArgument",
                                       "must provide either selectors or non-zero PID, but not both"))
        for bad in ({"type": "k8s"}, {"value": "x"}, {"type": "k:8", "value": "x"}):
            _, end = self.both(SVIDS, {"selectors": [bad]})
            self.assertEqual(end, ("InvalidArgument", "could not parse provided selectors"))
        for request in ({}, both):
            _, end = self.both(JWTS, request)
            self.assertEqual(end, ("InvalidArgument", "audience must be specified"))
        for pid in (2**22 + 1, -1):
            for method in (SVIDS, JWTS):
                _, end = self.both(method, {"pid": pid, **({"audience": ["a"]} if method == JWTS else {})})
                self.assertEqual(end, ("Unavailable", "workload attestation failed"))
        _, end = self.both(JWTS, {**selectors("k8s:ns:nobody"), "audience": ["a"]})
        self.assertEqual(end, ("PermissionDenied", "no identity issued"))

    @needs_root
    def test_callers_that_are_no_delegates(self):
        for agent in self.agents.values():  # so that they can call at all
            self.admin(agent).parent.chmod(0o755)
            self.admin(agent).chmod(0o777)
        for uid, message in ((UID_A, "caller not configured as an authorized delegate"),
                             (UID_STRANGER, "no identity issued")):
            for method, request in ((SVIDS, SHOP), (X509_BUNDLES, {}), (JWT_BUNDLES, {}),
                                    (JWTS, {**SHOP, "audience": ["a"]}), (SVIDS, {})):
                answers, end = self.both(method, request, uid=uid)
                self.assertEqual((answers, end), ([], ("PermissionDenied", message)))
            _, end = self.both(JWTS, {}, uid=uid)
            self.assertEqual(end, ("InvalidArgument", "audience must be specified"))

    def test_identities_as_they_come_and_go(self):
        streams = self.watches(SVIDS, SHOP)
        nobody = self.watches(SVIDS, selectors("k8s:ns:nobody"))

        def paths(message):
            return [item["id"]["path"] for item in message["x509"]]
        self.wait_last(streams, "the first message", lambda m: paths(m) == ["/shop", "/twin"])
        self.assertEqual(self.last(streams["spire"])["federates_with"], ["spiffe://other.org"])
        self.wait_last(nobody, "an empty message", lambda m: not paths(m))
        self.entry("/new", ["k8s:ns:shop"], "-entryID", "shop-0")
        self.entry("/nobody", ["k8s:ns:nobody"], "-entryID", "nobody")
        self.wait_last(streams, "the new entry", lambda m: paths(m) == ["/new", "/shop", "/twin"])
        self.wait_last(nobody, "the first entry", lambda m: paths(m) == ["/nobody"])
        for entry in ("shop-0", "shop-1", "shop-2"):
            self.spire_server.must("entry", "delete", "-entryID", entry)
        self.wait_last(streams, "nothing left", lambda m: not paths(m))
        self.assertEqual(self.last(streams["spire"])["federates_with"], [])
        # SPIRE looks again whether its caller is a delegate when there is something to send; we at once.
        self.spire_server.must("entry", "delete", "-entryID", "delegate")
        streams["signet"].wait_exit(30)
        nobody["signet"].wait_exit(30)
        self.wait_ids(self.agents["spire"], "PermissionDenied")
        self.spire_server.must("entry", "delete", "-entryID", "nobody")
        self.assertEqual(self.ends(nobody), ("PermissionDenied", "no identity issued"))

    def test_identities_of_a_process(self):
        self.entry("/own", [OUR_UID], "-entryID", "own")
        process = self.spawn("workload", ["sleep", "120"])
        streams = self.watches(SVIDS, {"pid": process.pid})
        self.wait_last(streams, "both identities", lambda m: len(m["x509"]) == 2)
        answers, _ = self.both(JWTS, {"pid": process.pid, "audience": ["a"]})
        self.assertEqual(len(answers[0]["jwt"]), 2)
        # A process that has ended is nobody any more, also to a stream that is open.
        process.kill()
        _, end = self.both(SVIDS, {"pid": process.pid})
        self.assertEqual(end, ("Unavailable", "workload attestation failed"))
        self.entry("/own-2", [OUR_UID], "-entryID", "own-2")
        streams["signet"].wait_exit(30)
        self.assertEqual(self.json_lines(streams["signet"])[-1]["message"], "workload attestation failed")
        self.assertEqual(len(self.last(streams["signet"])["x509"]), 2)

    def test_bundles(self):
        streams = {"x509": self.watches(X509_BUNDLES, {}), "jwt": self.watches(JWT_BUNDLES, {})}
        fields = {"x509": "certificates", "jwt": "bundles"}

        def domains(impl, kind):
            return sorted((self.last(streams[kind][impl]) or {}).get(fields[kind], {}))
        for kind in streams:
            self.wait_last(streams[kind], "both bundles", lambda m, kind=kind: sorted(m[fields[kind]]) == [
                "spiffe://example.org", "spiffe://other.org"])
        # When nobody federates with it any longer SPIRE goes on to send it in later messages.
        self.spire_server.must("entry", "delete", "-entryID", "shop-2")
        for kind in streams:
            wait_until("our own bundle alone", lambda kind=kind: domains("signet", kind) == [TD], 30)
            wait_until("a second message of SPIRE's", lambda kind=kind: len(
                self.json_lines(streams[kind]["spire"])) >= 2, 30)
            self.assertEqual(domains("spire", kind), [TD, "spiffe://other.org"])

    def test_debug_and_logger(self):
        self.debug()
        self.logger()

    def debug(self):
        self.both(JWTS, {**SHOP, "audience": ["one"]})
        got = {}
        for impl, agent in self.agents.items():
            mask = Masker()

            def info(agent=agent):
                answers, end = self.call(self.admin(agent), f"{DEBUG}/GetInfo", {})
                self.assertEqual(end["code"], "OK", end)
                return answers[0]
            # SPIRE keeps its answer for 5 s.
            wait_until(f"{impl}'s counts", lambda info=info: (info().get("cachedX509SvidsCount"), info().get(
                "cachedJwtSvidsCount")) == (7, 2))
            answer = info()
            self.assertLess(abs(time.time() - int(answer["lastSyncSuccess"])), 60)
            got[impl] = mask.json(answer, ("expiresAt", "lastSyncSuccess"))
            got[impl].pop("uptime", None)  # left out while it is 0
        self.assertEqual(got["signet"], got["spire"])
        self.assertEqual(len(got["spire"]["svidChain"]), 2)

    def logger(self):
        for method, request in (("GetLogger", {}), ("SetLogLevel", {"newLevel": "WARN"}), ("GetLogger", {}),
                                ("SetLogLevel", {}), ("SetLogLevel", {"newLevel": 99}), ("GetLogger", {}),
                                *(("SetLogLevel", {"newLevel": level}) for level in (
                                    "FATAL", "ERROR", "INFO", "TRACE", "DEBUG")),
                                ("SetLogLevel", {"newLevel": "ERROR"}), ("ResetLogLevel", {}), ("GetLogger", {})):
            got = {}
            for impl, agent in self.agents.items():
                answers, end = self.call(self.admin(agent), f"{LOGGER}/{method}", request)
                got[impl] = (answers, end["code"], end["message"])
            self.assertEqual(got["signet"], got["spire"], (method, request))
        self.assertEqual(got["spire"][0], [{"currentLevel": "DEBUG", "launchLevel": "DEBUG"}])


if __name__ == "__main__":
    unittest.main()
