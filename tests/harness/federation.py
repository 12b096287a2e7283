"""Trust domains beside each other: a server with a bundle endpoint, one agent, one workload."""

import json
import signal
import threading
import time

from . import deploy
from .process import run, wait_until


KINDS = ("x509", "jwt")


class Domain:
    """The server and, when asked for, the agent of one trust domain."""

    def __init__(self, case, impl, name, uid=None, hint="10s", profile=None, over=None, env=None):
        self.case, self.impl, self.name, self.uid = case, impl, name, uid
        self.hint, self.env = hint, env
        self.profile = profile or {"profile https_spiffe": {}}
        self.port = deploy.free_port()
        self.server_id = f"spiffe://{name}/spire/server"
        self.workload_id = f"spiffe://{name}/workload"
        self.server = case.server(impl, over, name=f"server-{name}", start=False)
        self.agent = None
        self.active, self.prepared, self.old = {}, {}, {}  # kind -> authority ID
        self.server.over = deploy.merge(
            {"server": {"trust_domain": name, "default_x509_svid_ttl": "60s",
                        "federation": self.federation_settings()}}, over)

    def federation_settings(self):
        ours = {"allow_private_endpoints": True} if self.impl == "signet" else {}
        return {"bundle_endpoint": {"address": "127.0.0.1", "port": self.port, "refresh_hint": self.hint,
                                    **self.profile}, **ours}

    def federates_with(self, other, web=False):
        """Writes the relationship into the configuration; before the start."""
        how = {"https_web": {}} if web else {"https_spiffe": {"endpoint_spiffe_id": other.server_id}}
        (kind, inner), = how.items()
        self.server.over["server"]["federation"][f"federates_with {other.name}"] = {
            "bundle_endpoint_url": other.url(web), f"bundle_endpoint_profile {kind}": inner}

    def url(self, web=False):
        return f"https://{'localhost' if web else '127.0.0.1'}:{self.port}/"

    def start(self):
        self.server.start(env=self.env)
        return self

    def document(self):
        return self.server.must("bundle", "show", "-format", "spiffe").out

    def learn(self, other):
        """The first contact: an operator carries the other's bundle over."""
        self.server.must("bundle", "set", "-id", other.name, "-format", "spiffe", stdin=other.document())

    def create_relationship(self, other):
        """Over the API, with the other's bundle as it is now."""
        path = self.server.folder / f"{other.name}.json"
        path.write_text(other.document())
        self.server.must(
            "federation", "create", "-trustDomain", other.name, "-bundleEndpointURL", other.url(),
            "-bundleEndpointProfile", "https_spiffe", "-endpointSpiffeID", other.server_id,
            "-trustDomainBundlePath", path, "-trustDomainBundleFormat", "spiffe")

    def start_workload(self, other):
        """An agent, and a workload whose entry federates with `other`."""
        token = json.loads(self.server.must("token", "generate", "-output", "json").out)["value"]
        over = {"agent": {"trust_domain": self.name, "experimental": {"sync_interval": "1s"}}}
        self.agent = self.case.agent(self.impl, self.server, over, name=f"agent-{self.name}", start=False)
        self.agent.start(token=token)
        self.server.must("entry", "create", "-spiffeID", self.workload_id, "-parentID",
                         f"spiffe://{self.name}/spire/agent/join_token/{token}", "-selector",
                         f"unix:uid:{self.uid}", "-federatesWith", f"spiffe://{other.name}")
        self.case.wait_ids(self.agent, [self.workload_id], uid=self.uid)

    def keys_of(self, other):
        """The key material that we hold of the other's domain, as sets."""
        result = self.server.cli("bundle", "list", "-id", other.name, "-format", "spiffe")
        return keys(result.out) if result.code == 0 else None

    # The life of its authorities, of both kinds. Each step knows the IDs from the one before.

    def _by_hand(self, kind, what, authority):
        words = ["-authorityID", authority] if authority else []
        said = self.server.must("localauthority", kind, what, *words, "-output", "json").out
        return next(iter(json.loads(said).values()))["authority_id"]

    def prepare(self):
        for kind in KINDS:
            self.prepared[kind] = self._by_hand(kind, "prepare", None)

    def activate(self):
        for kind in KINDS:
            if kind not in self.active:
                shown = self.server.must("localauthority", kind, "show", "-output", "json").out
                self.active[kind] = json.loads(shown)["active"]["authority_id"]
            self.old[kind] = self.active[kind]
            self.active[kind] = self._by_hand(kind, "activate", self.prepared.pop(kind))

    def taint(self):
        """What was active before: its SVIDs are replaced."""
        for kind in KINDS:
            self._by_hand(kind, "taint", self.old[kind])

    def revoke(self):
        for kind in KINDS:
            self._by_hand(kind, "revoke", self.old.pop(kind))


def keys(document):
    return {json.dumps({k: v for k, v in key.items()}, sort_keys=True)
            for key in json.loads(document)["keys"] or []}


def wait_equal(a, b, seconds=40):
    """Until each holds the other's bundle as it is now."""
    for one, other in ((a, b), (b, a)):
        wait_until(f"{one.name} to hold the bundle of {other.name}",
                   lambda one=one, other=other: one.keys_of(other) == keys(other.document()), seconds, 0.3)


class CrossDomain:
    """Continuous verification across two domains by processes that know the Workload API only.

    Mutual TLS, each connection a new one, both ways: go-spiffe's client and ours at a go-spiffe
    server of `a`, go-spiffe's client at our server of `b`. And JWTs of each checked by the other, by a
    thread that waits for nobody who rotates.
    """

    def __init__(self, case, a, b, rate=5):
        self.case, self.a, self.b, self.rate = case, a, b, rate
        self.listener = case.watch(f"listener-{a.name}", "mtls-server", "-socket", a.agent.socket,
                                   "-authorize", b.workload_id, uid=a.uid)
        address = wait_until("the listener", lambda: case.json_lines(self.listener))[0]["listening"]
        self.our_listener, our_address = case.our_server(f"our-listener-{b.name}", b.agent, a.name, uid=b.uid)
        self.clients = [self._client(b, a, address), self._client(a, b, our_address)]
        self.our_client = case.ours(f"our-client-{b.name}", b.agent, "client", address, rate, 3600,
                                    a.name, uid=b.uid)
        self.began = time.monotonic()
        self.tokens = 0
        self.kids = set()
        self.fault = None
        self.over = threading.Event()
        self.checker = threading.Thread(target=self._tokens_without_end, daemon=True)
        self.checker.start()

    def _client(self, of, to, address):
        return self.case.watch(f"client-{of.name}", "mtls-client", "-socket", of.agent.socket, "-addr",
                               address, "-authorize", to.workload_id, "-rate", str(self.rate), uid=of.uid)

    def _check_tokens(self):
        # Another audience each time: a token that was asked for before would come out of the
        # agent's cache, and what a new authority signs is what has to be believed at once.
        audience = f"round-{self.tokens}"
        for issuer, judge in ((self.a, self.b), (self.b, self.a)):
            _, lines = self.case.probe("fetch-jwt", "-socket", issuer.agent.socket, "-audience", audience,
                                       uid=issuer.uid)
            token = lines[0]["svids"][0]["token"]
            code, said = self.case.probe("validate-jwt", "-socket", judge.agent.socket, "-audience",
                                         audience, "-token", token, uid=judge.uid)
            self.case.assertEqual(code, 0, f"{judge.name} does not believe {issuer.name}: {said}")
            self.case.assertEqual(said[0]["spiffe_id"], issuer.workload_id)
            self.kids.add(token.split(".")[0])
            self.tokens += 1

    def _tokens_without_end(self):
        while not self.over.wait(0.3):
            try:
                self._check_tokens()
            except Exception as e:  # the test's own thread raises it
                self.fault = e
                return

    def run(self, seconds):
        """Lets it go on for so long; raises what has gone wrong with a token."""
        self.checker.join(max(seconds, 0))
        if self.fault:
            raise self.fault

    def _end(self, process):
        process.popen.send_signal(signal.SIGTERM)
        process.wait_exit()
        return self.case.json_lines(process)[-1]

    def finish(self, certificates):
        """Fails the test when anything failed, or when either side's workload showed fewer than so
        many certificates and signed tokens with fewer than so many keys. Gives the figures."""
        seconds = time.monotonic() - self.began
        self.over.set()
        self.run(30)
        self.case.assertFalse(self.checker.is_alive())
        tallies = [self._end(process) for process in self.clients]  # before what they talk to
        ours = self._end(self.our_client)
        listener = self._end(self.listener)
        self.our_listener.popen.send_signal(signal.SIGTERM)
        self.our_listener.wait_exit()
        seen = self.our_listener.text().splitlines()
        case = self.case
        for tally in (*tallies, listener):
            case.assertEqual(tally["failed"], 0, tally)
        case.assertEqual(ours["failures"], 0, ours)
        case.assertEqual([line for line in seen if line != self.a.workload_id], [])
        for made in (tallies[0]["ok"], tallies[1]["ok"], ours["handshakes"]):
            case.assertGreater(made, self.rate * seconds * 0.3, "the load was there")
        shown = {self.a.name: len(tallies[0]["peer_serials"]), self.b.name: len(tallies[1]["peer_serials"])}
        case.assertGreaterEqual(min(shown.values()), certificates, shown)
        case.assertGreaterEqual(len(self.kids), 2 * certificates)
        return {"seconds": round(seconds), "handshakes": listener["ok"] + len(seen), "failed": 0,
                "tokens": self.tokens, "certificates": shown, "token_keys": len(self.kids)}


def web_certificates(folder, names=("localhost",)):
    """A CA of the web and a certificate for `names`: (ca.pem, cert.pem, key.pem)."""
    folder.mkdir(exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    if not ca.exists():
        must(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
              "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=Web CA"])
    new_key, request, new_cert = folder / "new.key", folder / "new.csr", folder / "new.pem"
    must(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
          new_key, "-out", request, "-subj", "/CN=" + names[0]])
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) +
                          "\nextendedKeyUsage=serverAuth\n")
    must(["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
          "-days", "2", "-extfile", extensions, "-out", new_cert])
    cert, key = folder / "cert.pem", folder / "key.pem"
    new_key.rename(key)
    new_cert.rename(cert)
    return ca, cert, key


def must(argv):
    result = run(argv)
    assert result.code == 0, result
