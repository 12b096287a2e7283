"""An agent that has just renewed its SVID, and a database that is away."""

import base64
import json
import os
import subprocess
import unittest

from harness import postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

API = "spire.api.server."


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Renewal(TestCase):
    def ask(self, folder, method, request):
        """A call by the agent whose identity is in `folder`: (answers, end)."""
        _, lines = self.probe("call", "-addr", f"127.0.0.1:{self.server_.port}", "-dir", folder, "-method",
                              API + method, stdin=json.dumps(request))
        return [line["answer"] for line in lines if "answer" in line], lines[-1]

    def test_the_first_use_of_a_renewed_svid_needs_no_database(self):
        database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(database)
        server = self.server_ = self.server("signet", {"plugins": {"DataStore sql": database.data_store()}})
        entry = server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        old, new = self.folder / "old", self.folder / "new"
        old.mkdir()
        new.mkdir()
        self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", server.token("/node"), "-dir", old)
        made = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                               "-nodes", "-keyout", new / "key.pem", "-subj", "/O=x", "-outform", "DER"],
                              capture_output=True, check=True)
        answers, end = self.ask(old, "agent.v1.Agent/RenewAgent",
                                {"params": {"csr": base64.b64encode(made.stdout).decode()}})
        self.assertEqual(end["code"], "OK", end)
        chain = [base64.b64decode(der) for der in answers[0]["svid"]["certChain"]]
        (new / "svid.pem").write_text("".join(
            f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"
            for der in chain))
        database.kill()

        def token(folder):
            return self.ask(folder, "svid.v1.SVID/NewJWTSVID", {"entry_id": entry, "audience": ["a"]})[1]
        self.assertEqual(token(new)["code"], "OK")
        self.assertEqual(token(old)["code"], "OK", "nothing says yet that the new one was used")
        database.start()
        server.process.wait_log("Datastore is back")
        # The first call of the new one that finds the database retires the old one.
        wait_until("the old one to be retired", lambda: (
            token(new)["code"], token(old)["code"]) == ("OK", "PermissionDenied"))


if __name__ == "__main__":
    unittest.main()
