"""Agents prove a machine certificate (x509pop) to the other implementation's server, both ways."""

import os
import pathlib
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, UID_A, needs_root
from harness.deploy import TRUST_DOMAIN
from harness.process import wait_until

TD = f"spiffe://{TRUST_DOMAIN}"


def openssl(*words, **kw):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **kw)


class Pki:
    """A company's own: root, intermediate, and a machine certificate of each kind of key. OpenSSL's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        (self.folder / "x.cnf").write_text(f"""
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = DNS:host-1.example.org, IP:127.0.0.1, URI:x509pop://{TRUST_DOMAIN}/datacenter/us/east
""")
        self.key("root", "ec", "ec_paramgen_curve:P-384")
        openssl("req", "-x509", "-new", "-key", self.path("root.key"), "-subj", "/O=Acme/CN=Root", "-days", 9,
                "-config", self.path("x.cnf"), "-extensions", "ca", "-out", self.path("root.pem"))
        self.key("middle", "rsa", "rsa_keygen_bits:2048")
        self.sign("middle", "root", "/O=Acme/CN=Middle", "ca", 2)
        for name, kind, option in (("p256", "ec", "ec_paramgen_curve:P-256"),
                                   ("p521", "ec", "ec_paramgen_curve:P-521"),
                                   ("rsa", "rsa", "rsa_keygen_bits:3072")):
            self.key(name, kind, option)
            self.sign(name, "middle", f"/C=US/O=Acme/CN=host {name}", "host", 0x0abc)

    def path(self, name):
        return self.folder / name

    def key(self, name, kind, option):
        openssl("genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", self.path(f"{name}.key"))

    def sign(self, name, issuer, subject, extensions, serial):
        openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", subject, "-config",
                self.path("x.cnf"), "-out", self.path(f"{name}.csr"))
        openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{issuer}.pem"), "-CAkey",
                self.path(f"{issuer}.key"), "-set_serial", serial, "-days", 5, "-extfile",
                self.path("x.cnf"), "-extensions", extensions, "-out", self.path(f"{name}.pem"))

    def fingerprint(self, name):
        text = subprocess.run(["openssl", "x509", "-in", self.path(f"{name}.pem"), "-noout", "-fingerprint",
                               "-sha1"], check=True, capture_output=True, text=True).stdout
        return text.split("=")[1].strip().replace(":", "").lower()


class X509pop:
    """The tests; the classes below name server and agent."""

    server_impl = agent_impl = None

    def setUp(self):
        self.pki = Pki(self.folder / "pki")

    def server_with(self, **settings):
        return self.server(self.server_impl, {"plugins": {
            "NodeAttestor join_token": None,
            "NodeAttestor x509pop": {"plugin_data": {
                **({} if "mode" in settings else {"ca_bundle_path": str(self.pki.path("root.pem"))}),
                **settings}}}})

    def agent_with(self, server, name, start=True, **settings):
        plugin_data = settings or {
            "certificate_path": str(self.pki.path(f"{name}.pem")),
            "private_key_path": str(self.pki.path(f"{name}.key")),
            "intermediates_path": str(self.pki.path("middle.pem"))}
        agent = self.agent(self.agent_impl, server, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"NodeAttestor join_token": None,
                        "NodeAttestor x509pop": {"plugin_data": plugin_data}}}, name=name, start=False)
        return agent.start(token=None) if start else agent

    def test_each_kind_of_key_is_proven_and_gives_the_same_id_and_selectors(self):
        server = self.server_with()
        for name in ("p256", "p521", "rsa"):
            with self.subTest(key=name):
                agent = self.agent_with(server, name)
                listed = server.must("agent", "list").out
                self.assertIn(f"{TD}/spire/agent/x509pop/{self.pki.fingerprint(name)}", listed)
                shown = server.must("agent", "show", "-spiffeID",
                                    f"{TD}/spire/agent/x509pop/{self.pki.fingerprint(name)}").out
                for selector in (f"subject:cn:host {name}", f"ca:fingerprint:{self.pki.fingerprint('middle')}",
                                 f"ca:fingerprint:{self.pki.fingerprint('root')}", "serialnumber:0abc",
                                 "san:datacenter:us/east"):
                    self.assertIn(f"x509pop:{selector}", shown)
                agent.stop()

    def test_an_entry_for_the_selectors_reaches_its_workloads_and_the_agent_may_attest_again(self):
        server = self.server_with()
        server.must("entry", "create", "-node", "-spiffeID", f"{TD}/hosts", "-selector",
                    "x509pop:san:datacenter:us/east")
        server.create_entry("/a", "/hosts", [f"unix:uid:{UID_A}"])
        agent = self.agent_with(server, "p256")
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        # Everything it knew is lost; the certificate is enough.
        agent.kill()
        for file in agent.data.rglob("*"):
            if file.is_file():
                file.unlink()
        agent.start(token=None)
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)

    def test_a_template_names_the_agent(self):
        server = self.server_with(
            agent_path_template='/{{ .PluginName }}/{{ .Subject.CommonName | replace " " "-" }}/'
                                '{{ .SerialNumberHex }}/{{ .URISanSelectors.datacenter }}')
        self.agent_with(server, "p256")
        self.assertIn(f"{TD}/spire/agent/x509pop/host-p256/0abc/us/east", server.must("agent", "list").out)

    def test_a_stranger_is_refused(self):
        server = self.server_with()
        stranger = Pki(self.folder / "stranger")
        agent = self.agent_with(server, "p256", start=False,
                                certificate_path=str(stranger.path("p256.pem")),
                                private_key_path=str(stranger.path("p256.key")),
                                intermediates_path=str(stranger.path("middle.pem")))
        agent.start(token=None, wait=False)
        agent.process.wait_log("certificate verification failed")
        self.assertIn("No attested agents found", server.must("agent", "list").out)

    def test_mode_spiffe_takes_an_svid_of_another_agent(self):
        # The first agent gives the second one, which is a workload of it, its identity.
        first_server = self.server_with(mode="spiffe")
        bootstrap = self.agent(self.agent_impl, first_server, {
            "agent": {"experimental": {"sync_interval": "1s"}}}, name="first")
        first_server.create_entry("/spire-exchange/host/7", "/node", [f"unix:uid:{os.getuid()}"])
        self.wait_ids(bootstrap, [f"{TD}/spire-exchange/host/7"])
        self.agent_with(first_server, "second", spiffe_endpoint_socket=f"unix://{bootstrap.socket}")
        wait_until("the second agent", lambda: f"{TD}/spire/agent/x509pop/host/7" in first_server.must(
            "agent", "list").out, 20, 0.2)

    def test_mode_spiffe_refuses_other_paths_and_other_roots(self):
        server = self.server_with(mode="spiffe")
        stranger = self.server(self.server_impl, name="stranger")  # of the same name, not of the same keys
        for name, home, path, words in (
                ("path", server, "/elsewhere/7", "doesnt match SVID prefix"),
                ("root", stranger, "/spire-exchange/host/7", "certificate verification failed")):
            with self.subTest(name):
                bootstrap = self.agent(self.agent_impl, home, {
                    "agent": {"experimental": {"sync_interval": "1s"}}}, name=f"bootstrap-{name}")
                home.create_entry(path, "/node", [f"unix:uid:{os.getuid()}"])
                self.wait_ids(bootstrap, [TD + path])
                agent = self.agent_with(server, name, start=False,
                                        spiffe_endpoint_socket=f"unix://{bootstrap.socket}")
                agent.start(token=None, wait=False)
                agent.process.wait_log(words)
                self.assertNotIn("/x509pop/", server.must("agent", "list").out)

    def test_an_evicted_agent_attests_again_and_a_banned_one_does_not(self):
        server = self.server_with()
        agent = self.agent_with(server, "p256")
        agent_id = f"{TD}/spire/agent/x509pop/{self.pki.fingerprint('p256')}"
        server.must("agent", "evict", "-spiffeID", agent_id)
        wait_until("it to attest again", lambda: agent_id in server.must("agent", "list").out, 30, 0.2)
        self.assertTrue(agent.process.running())
        server.must("agent", "ban", "-spiffeID", agent_id)
        agent.process.wait_exit(30)
        agent.start(token=None, wait=False)
        agent.process.wait_log("banned")
        self.assertNotEqual(agent.process.wait_exit(30), 0)


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SpireAgentSignetServer(X509pop, TestCase):
    server_impl, agent_impl = "signet", "spire"


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SignetAgentSpireServer(X509pop, TestCase):
    server_impl, agent_impl = "spire", "signet"


@needs_root
@unittest.skipUnless(paths.have_signet(), "signet is not built")
class SignetBoth(X509pop, TestCase):
    server_impl, agent_impl = "signet", "signet"


@needs_root
@unittest.skipUnless(os.environ.get("SIGNET_TEST_BASELINE"), "shows that the tests themselves are right")
class SpireBoth(X509pop, TestCase):
    server_impl, agent_impl = "spire", "spire"


if __name__ == "__main__":
    unittest.main()
