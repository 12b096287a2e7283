"""Trust domains beside each other: a server with a bundle endpoint, one agent, one workload."""

import json
import time

from . import deploy
from .process import run, wait_until


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

    def authorities(self, kind):
        return json.loads(self.server.must("localauthority", kind, "show", "-output", "json").out)

    def prepare(self):
        for kind in ("x509", "jwt"):
            self.server.must("localauthority", kind, "prepare")

    def activate(self):
        for kind in ("x509", "jwt"):
            prepared = self.authorities(kind)["prepared"]["authority_id"]
            self.server.must("localauthority", kind, "activate", "-authorityID", prepared)


def keys(document):
    return {json.dumps({k: v for k, v in key.items()}, sort_keys=True)
            for key in json.loads(document)["keys"] or []}


def wait_equal(a, b, seconds=40):
    """Until each holds the other's bundle as it is now."""
    for one, other in ((a, b), (b, a)):
        wait_until(f"{one.name} to hold the bundle of {other.name}",
                   lambda one=one, other=other: one.keys_of(other) == keys(other.document()), seconds, 0.3)


class CrossDomain:
    """Continuous verification across two domains by processes that know the Workload API only:
    mutual TLS at a rate, and JWTs of each checked by the other."""

    def __init__(self, case, a, b, rate=10):
        self.case, self.a, self.b, self.rate = case, a, b, rate
        self.listener = case.watch(f"listener-{a.name}", "mtls-server", "-socket", a.agent.socket,
                                   "-authorize", b.workload_id, uid=a.uid)
        address = wait_until("the listener", lambda: case.json_lines(self.listener))[0]["listening"]
        self.client = case.watch(f"client-{b.name}", "mtls-client", "-socket", b.agent.socket, "-addr",
                                 address, "-authorize", a.workload_id, "-rate", str(rate), uid=b.uid)
        self.began = time.monotonic()
        self.tokens = 0
        self.kids = set()

    def check_tokens(self):
        for issuer, judge in ((self.a, self.b), (self.b, self.a)):
            _, lines = self.case.probe("fetch-jwt", "-socket", issuer.agent.socket, "-audience", "x",
                                       uid=issuer.uid)
            token = lines[0]["svids"][0]["token"]
            code, said = self.case.probe("validate-jwt", "-socket", judge.agent.socket, "-audience", "x",
                                         "-token", token, uid=judge.uid)
            self.case.assertEqual(code, 0, f"{judge.name} does not believe {issuer.name}: {said}")
            self.case.assertEqual(said[0]["spiffe_id"], issuer.workload_id)
            self.tokens += 1

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check_tokens()
            time.sleep(0.5)

    def finish(self):
        """(client, server) tallies; fails the test when anything failed."""
        import signal
        tallies = []
        for process in (self.client, self.listener):
            process.popen.send_signal(signal.SIGTERM)
            process.wait_exit()
            tallies.append(self.case.json_lines(process)[-1])
        client, server = tallies
        self.case.assertEqual((client["failed"], server["failed"]), (0, 0), (client, server))
        self.case.assertGreater(client["ok"], self.rate * (time.monotonic() - self.began) * 0.3)
        return client, server


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
