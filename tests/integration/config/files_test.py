"""Configuration as people have it: SPIRE's own files unmodified, JSON, YAML, and mistakes in them."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import deploy, paths
from harness.case import OUR_UID, TestCase, needs_signet
from harness.process import Process, run, wait_until


def spires_files():
    """SPIRE's conf folder out of the Go module cache, where building the peers has put it."""
    script = paths.ROOT / "tests" / "peers" / "build.sh"
    return pathlib.Path(subprocess.check_output([script, "-spire-source"], text=True).strip()) / "conf"


def block_yaml(value, indent=""):
    """YAML as people write it: one key a line, two blanks deeper for what is below."""
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            lines += [f"{indent}{key}:", block_yaml(inner, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {json.dumps(inner)}")
    return "\n".join(lines)


@needs_signet
class Files(TestCase):
    def validate(self, role, text, name="x.conf"):
        path = self.folder / name
        path.write_text(text)
        return run([paths.SIGNET, role, "validate", "-config", path]), path

    def server_settings(self):
        server = deploy.Server("signet", self.folder / "s")
        server.port = deploy.free_port()
        return server, server.settings()

    def test_spires_own_server_conf_and_agent_conf_run_unmodified(self):
        """As SPIRE's first steps go: the server, a token, the agent, an entry, an identity."""
        conf = spires_files()
        folder = self.folder / "spire"
        folder.mkdir()
        shutil.copytree(conf, folder / "conf")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        for role in ("server", "agent"):
            result = run([paths.SIGNET, role, "validate", "-config", folder / "conf" / role / f"{role}.conf"],
                         cwd=folder)
            self.assertEqual(result.code, 0, (role, result))
        # Only sockets, port and token are given, since the files' are fixed.
        port = str(deploy.free_port())
        admin, workload = self.folder / "admin" / "api.sock", self.folder / "workload" / "api.sock"

        def start(role, socket, *more):
            process = Process(role, [paths.SIGNET, role, "run", "-config", f"conf/{role}/{role}.conf",
                                     "-socketPath", socket, "-serverPort", port, *more],
                              self.folder / f"{role}.log", cwd=folder)
            self.nodes.append(process)
            wait_until(f"the {role} to be healthy", lambda: process.running() and run(
                [paths.SIGNET, role, "healthcheck", "-socketPath", socket]).code == 0)
        start("server", admin)
        parent = "spiffe://example.org/host"
        token = run([paths.SIGNET, "server", "token", "generate", "-spiffeID", parent, "-socketPath", admin])
        start("agent", workload, "-joinToken", token.out.split()[-1])
        created = run([paths.SIGNET, "server", "entry", "create", "-parentID", parent, "-spiffeID",
                       "spiffe://example.org/workload", "-selector", OUR_UID, "-socketPath", admin])
        self.assertEqual(created.code, 0, created)
        wait_until("the identity", lambda: "spiffe://example.org/workload" in run(
            [paths.SIGNET, "agent", "api", "fetch", "x509", "-socketPath", workload]).out)

    def test_the_same_settings_in_three_forms(self):
        server, settings = self.server_settings()
        nested = {**settings, "plugins": {}}
        for key, value in settings["plugins"].items():
            kind, name = key.split()
            nested["plugins"].setdefault(kind, {})[name] = value
        yaml = json.dumps(nested)  # JSON is YAML
        forms = (("a.conf", deploy.hcl(settings)), ("b.json", json.dumps(nested)), ("c.yaml", yaml),
                 ("d.yaml", block_yaml(nested)))
        for name, text in forms:
            result, _ = self.validate("server", text, name)
            self.assertEqual(result.code, 0, (name, result))
        # A server runs from the form that people write, and a mistake in it has its line too.
        server.config = self.folder / "e.yaml"
        server.config.write_text(forms[3][1])
        process = self.spawn("server", [paths.SIGNET, "server", "run", "-config", server.config])
        wait_until("the server to be healthy", lambda: process.running() and server.healthy())
        result, path = self.validate("server", forms[3][1].replace("bind_port", "bind_prot"), "f.yaml")
        self.assertEqual(result.code, 1, result)
        line = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if "bind_prot" in line)
        self.assertRegex(result.out + result.err, re.escape(f"{path}:{line}:") + r"\d+")

    def test_a_mistake_is_shown_with_its_place_path_and_the_nearest_name(self):
        _, settings = self.server_settings()
        settings["server"]["trust_domian"] = settings["server"].pop("trust_domain")
        result, path = self.validate("server", deploy.hcl(settings))
        self.assertEqual(result.code, 1, result)
        text = result.out + result.err
        line = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if "trust_domian" in line)
        self.assertRegex(text, re.escape(f"{path}:{line}:") + r"\d+")
        self.assertIn("server.trust_domian", text)
        self.assertIn("trust_domain", text)

    def test_so_is_what_only_the_role_finds_wrong(self):
        _, settings = self.server_settings()
        federation = """federation { federates_with "other.org" {
            bundle_endpoint_url = "http://other.org"
            bundle_endpoint_profile "https_web" {}
        } }"""
        server = deploy.hcl(settings).replace("server {", "server {\n" + federation, 1)
        agent = """agent {
            trust_domain = "example.org"
            server_address = "127.0.0.1"
            server_port = 8081
            trust_bundle_url = "http://other.org"
        }"""
        for role, text, wrong in (("server", server, "bundle_endpoint_url"), ("agent", agent, "trust_bundle_url")):
            result, path = self.validate(role, text)
            self.assertEqual(result.code, 1, (role, result))
            line = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if wrong in line)
            self.assertRegex(result.out + result.err, re.escape(f"{path}:{line}:") + r"\d+: .*https")

    def test_wrong_type_and_missing_key(self):
        for change, words in (({"bind_port": "eighty"}, ["server.bind_port"]),
                              ({"trust_domain": None}, ["trust_domain"]),
                              ({"data_dir": None}, ["data_dir"]),
                              ({"ca_ttl": "soon"}, ["server.ca_ttl"]),
                              ({"ca_key_type": "dsa"}, ["ca_key_type"]),
                              ({"log_level": 7}, ["log_level"])):
            _, settings = self.server_settings()
            deploy.merge(settings["server"], change)
            result, _ = self.validate("server", deploy.hcl(settings))
            self.assertEqual(result.code, 1, (change, result))
            for word in words:
                self.assertIn(word, result.out + result.err, change)

    def test_a_key_that_restricts_and_does_nothing_yet_is_refused_by_name(self):
        cidrs = {"server": {"proxy_protocol_trusted_cidrs": ["10.0.0.0/8"]}}
        opa = {"server": {"experimental": {"auth_opa_policy_engine": {"local": {"rego_path": "x"}}}}}
        tls = {"telemetry": {"Prometheus": {"port": 9988, "tls": {"cert_file": "x"}}}}
        acme = {"server": {"federation": {"bundle_endpoint": {"profile https_web": {"acme": {
            "domain_name": "example.org", "email": "a@example.org"}}}}}}
        for change, words in ((cidrs, ["proxy_protocol_trusted_cidrs"]), (opa, ["auth_opa_policy_engine", "Lua", "does not exist yet"]),
                              ({"server": {"experimental": {"require_pq_kem": True}}}, ["require_pq_kem"]),
                              (tls, ["tls"]), (acme, ["acme"])):
            _, settings = self.server_settings()
            deploy.merge(settings, change)
            result, _ = self.validate("server", deploy.hcl(settings))
            self.assertEqual(result.code, 1, (change, result))
            for word in words:
                self.assertIn(word, result.out + result.err, change)
            self.assertNotIn("ignored", result.out + result.err, change)

    def test_an_agents_keys_that_restrict_and_do_nothing_yet_are_refused_by_name(self):
        agent = deploy.Agent("signet", self.folder / "a", deploy.Server("signet", self.folder / "s", port=1))
        changes = [({"agent": {"experimental": {"require_pq_kem": True}}}, "require_pq_kem"),
                   ({"telemetry": {"Prometheus": {"port": 9988, "tls": {"cert_file": "x"}}}}, "tls")]
        for block in ({"sigstore": {"ignore_tlog": True}}, {"experimental": {"sigstore": {"rekor_url": "https://r"}}}):
            changes.append(({"plugins": {"WorkloadAttestor docker": {"plugin_data": block}}}, "sigstore"))
        for change, word in changes:
            result, _ = self.validate("agent", deploy.hcl(deploy.merge(agent.settings(None), change)))
            self.assertEqual(result.code, 1, (change, result))
            self.assertIn(word, result.out + result.err, change)
            self.assertNotIn("ignored", result.out + result.err, change)
        changes = [({"agent": {"socket_path": "tcp://127.0.0.1:80"}}, "on a Unix socket only"),
                   ({"agent": {"socket_path": "unix:///x/api.sock"}}, "path alone"),
                   ({"agent": {"experimental": {"ratelimit": {"fetch_x509_svid": -1}}}}, "fetch_x509_svid"),
                   ({"agent": {"experimental": {"ratelimit": {"fetch_all": 1}}}}, "fetch_all")]
        for change, word in changes:
            result, _ = self.validate("agent", deploy.hcl(deploy.merge(agent.settings(None), change)))
            self.assertEqual(result.code, 1, (change, result))
            self.assertIn(word, result.out + result.err, change)
        nothing = {"agent": {"experimental": {"require_pq_kem": False, "ratelimit": {
                       "fetch_x509_svid": 5, "fetch_jwt_svid": 1, "fetch_x509_bundles": 1, "fetch_jwt_bundles": 1,
                       "stream_secrets": 2, "fetch_secrets": 2}}, "log_selectors": ["unix:uid"],
                             "rebootstrap_mode": "auto", "rebootstrap_delay": "1m", "trust_bundle_path": None,
                             "trust_bundle_spiffe_workload_api": "unix:///x"}}
        result, _ = self.validate("agent", deploy.hcl(deploy.merge(agent.settings(None), nothing)))
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("no effect", result.out + result.err)
        for change, word in (({"agent": {"experimental": {"broker": {"socket_path": "/x"}}}}, "broker"),):
            result, _ = self.validate("agent", deploy.hcl(deploy.merge(agent.settings(None), change)))
            self.assertEqual(result.code, 0, (change, result))
            self.assertRegex(result.out + result.err, f"{word}.*no effect yet", change)

    def test_a_key_that_restricts_nothing_may_say_so(self):
        """The default of such a key, written out, is no reason not to start."""
        for change in ({"server": {"experimental": {"require_pq_kem": False}}},
                       {"server": {"proxy_protocol_trusted_cidrs": []}}, {"server": {"audit_log_enabled": True}}):
            _, settings = self.server_settings()
            deploy.merge(settings, change)
            result, _ = self.validate("server", deploy.hcl(settings))
            self.assertEqual(result.code, 0, (change, result))

    def test_files_as_the_operator_generates_them(self):
        """All but the plugins for Kubernetes, which do not exist yet: those are named and refused."""
        server = {
            "server": {
                "bind_address": "0.0.0.0", "bind_port": "8081", "trust_domain": "example.org",
                "jwt_issuer": "https://oidc.example.org", "log_level": "info", "log_format": "text",
                "ca_key_type": "rsa-2048",
                "ca_subject": [{"common_name": "example.org", "country": ["US"], "organization": ["Example"]}],
                "ca_ttl": "24h0m0s", "default_x509_svid_ttl": "1h0m0s", "default_jwt_svid_ttl": "5m0s",
                "data_dir": "/run/spire/data", "audit_log_enabled": False,
                "federation": {
                    "bundle_endpoint": {"address": "0.0.0.0", "port": 8443, "refresh_hint": "300s",
                                        "profile": [{"https_spiffe": {}}]},
                    "federates_with": {"other.org": {
                        "bundle_endpoint_url": "https://other.org:8443",
                        "bundle_endpoint_profile": [{"https_spiffe": {
                            "endpoint_spiffe_id": "spiffe://other.org/spire/server"}}]}}}},
            "plugins": {
                "DataStore": [{"sql": {"plugin_data": {
                    "database_type": "sqlite3", "connection_string": "/run/spire/data/datastore.sqlite3",
                    "max_open_conns": 100, "max_idle_conns": 2, "conn_max_lifetime": "3600s",
                    "disable_migration": False}}}],
                "KeyManager": [{"disk": {"plugin_data": {"keys_path": "/run/spire/data/keys.json"}}}]},
            "health_checks": {"bind_address": "0.0.0.0", "bind_port": "8080", "listener_enabled": True,
                              "live_path": "/live", "ready_path": "/ready"},
            "telemetry": {"Prometheus": {"host": "0.0.0.0", "port": "9402"}}}
        agent = {
            "agent": {
                "data_dir": "/var/lib/spire", "log_level": "info", "log_format": "text", "retry_bootstrap": True,
                "server_address": "spire-server.zero-trust", "server_port": "443",
                "socket_path": "/tmp/spire-agent/public/spire-agent.sock",
                "trust_bundle_path": "/run/spire/bundle/bundle.crt", "trust_domain": "example.org"},
            "plugins": {"KeyManager": [{"memory": {"plugin_data": None}}],
                        "NodeAttestor": [{"join_token": {"plugin_data": {}}}],
                        "WorkloadAttestor": [{"unix": {"plugin_data": {}}}]},
            "health_checks": {**server["health_checks"], "bind_port": 9982},
            "telemetry": server["telemetry"]}
        for role, settings in (("server", server), ("agent", agent)):
            result, _ = self.validate(role, json.dumps(settings))
            self.assertEqual(result.code, 0, result)
            self.assertNotIn("unknown", result.out + result.err)
        self.assertIn("agent.retry_bootstrap: is accepted but has no effect: the agent always tries again; "
                      "see rebootstrap_mode", result.err)
        server["plugins"]["NodeAttestor"] = [{"k8s_psat": {"plugin_data": {"clusters": [{"c": {
            "service_account_allow_list": ["zero-trust:spire-agent"], "audience": ["spire-server"]}}]}}}]
        result, _ = self.validate("server", json.dumps(server))
        self.assertEqual(result.code, 1, result)
        self.assertIn("plugins.NodeAttestor.k8s_psat", result.err)

    def test_environment_variables_are_expanded_when_asked(self):
        server, settings = self.server_settings()
        settings["server"]["trust_domain"] = "${SIGNET_TEST_TD}"
        server.config.write_text(deploy.hcl(settings))
        words = [paths.SIGNET, "server", "validate", "-config", server.config]
        self.assertEqual(run([*words, "-expandEnv"], env={"SIGNET_TEST_TD": "example.org"}).code, 0)
        self.assertEqual(run(words).code, 1)

    def test_a_database_of_spires_is_refused_and_not_touched(self):
        spire = self.server("spire")
        spire.stop()
        before = (spire.data / "datastore.sqlite3").read_bytes()
        spire.impl = "signet"
        spire.start(wait=False)
        self.assertNotEqual(spire.process.wait_exit(20), 0)
        self.assertIn("datastore.sqlite3", spire.process.text())
        self.assertEqual((spire.data / "datastore.sqlite3").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
