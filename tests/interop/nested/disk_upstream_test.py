"""The CA below files (UpstreamAuthority "disk"): one test, run on our server and on SPIRE's.

The files are replaced by those of another root; then the old root is tainted and revoked by hand.
"""

import json
import os
import subprocess
import unittest

from harness import paths
from harness.case import TestCase, UID_A, needs_root, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"


def openssl(*words, cwd):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True,
                          cwd=cwd).stdout


class DiskUpstream:
    impl = None

    def new_ca(self, name):
        """Files of a self-signed CA; gives its subject key ID in hex."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "x.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n[ca]\nbasicConstraints = "
                                      "critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n"
                                      "subjectKeyIdentifier = hash\n")
        openssl("genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ca.key",
                cwd=folder)
        (folder / "ca.key").chmod(0o600)
        openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", f"/O=Acme/CN={name}", "-days", 9,
                "-config", "x.cnf", "-extensions", "ca", "-out", "ca.pem", cwd=folder)
        text = openssl("x509", "-in", "ca.pem", "-noout", "-ext", "subjectKeyIdentifier", cwd=folder)
        return text.splitlines()[1].strip().replace(":", "").lower()

    def install(self, name):
        for file in ("ca.pem", "ca.key"):
            (self.folder / name / file).replace(self.folder / file)

    def roots(self):
        bundle = json.loads(self.server_.must("bundle", "show", "-format", "spiffe").out)
        return sum(key["use"] == "x509-svid" for key in bundle["keys"])

    def authority(self, what):
        shown = json.loads(self.server_.must("localauthority", "x509", "show", "-output", "json").out)
        return shown.get(what) or {}

    def test_the_root_in_files_signs_and_is_replaced_tainted_and_revoked(self):
        first = self.new_ca("first")
        self.install("first")
        self.server_ = self.server(self.impl, {"plugins": {"UpstreamAuthority disk": {"plugin_data": {
            "cert_file_path": str(self.folder / "ca.pem"), "key_file_path": str(self.folder / "ca.key")}}}})
        agent = self.agent(self.impl, self.server_, {"agent": {"experimental": {"sync_interval": "1s"}}})
        self.server_.create_entry("/a", "/node", [f"unix:uid:{UID_A}"])
        self.wait_ids(agent, [f"{TD}/a"], uid=UID_A)
        self.assertEqual(self.roots(), 1)
        self.assertEqual(self.authority("active")["upstream_authority_subject_key_id"], first)
        before = self.svid(agent)
        self.assertEqual(before["chain_len"], 2)

        # The upstream's roots are its own: they cannot be tainted as if they were ours.
        refused = self.server_.cli("localauthority", "x509", "taint", "-authorityID",
                                   self.authority("active")["authority_id"])
        self.assertNotEqual(refused.code, 0, refused)
        for bad in (first, "00" * 20, ""):
            refused = self.server_.cli("upstreamauthority", "taint", "-subjectKeyID", bad)
            self.assertNotEqual(refused.code, 0, refused)

        second = self.new_ca("second")
        self.install("second")
        self.server_.must("localauthority", "x509", "prepare")
        prepared = self.authority("prepared")
        self.assertEqual(prepared["upstream_authority_subject_key_id"], second)
        self.assertEqual(self.roots(), 2)
        self.server_.must("localauthority", "x509", "activate", "-authorityID", prepared["authority_id"])
        self.assertEqual(self.authority("active")["authority_id"], prepared["authority_id"])

        self.server_.must("upstreamauthority", "taint", "-subjectKeyID", first)
        wait_until("another SVID", lambda: self.svid(agent)["serial"] != before["serial"], 60, 0.5)
        self.server_.must("upstreamauthority", "revoke", "-subjectKeyID", first)
        self.assertEqual(self.roots(), 1)
        self.server_.stop()
        self.server_.start()
        self.assertEqual(self.authority("active")["authority_id"], prepared["authority_id"])

    def svid(self, agent):
        code, lines = self.probe("fetch-x509", "-socket", agent.socket, uid=UID_A)
        return {"serial": None} if code else lines[0]["svids"][0]


@needs_root
@needs_signet
class SignetServer(DiskUpstream, TestCase):
    impl = "signet"


@needs_root
@unittest.skipUnless(os.environ.get("SIGNET_TEST_BASELINE") or not paths.have_signet(),
                     "shows that the test itself is right")
class SpireServer(DiskUpstream, TestCase):
    impl = "spire"


if __name__ == "__main__":
    unittest.main()
