"""Signet federated with real SPIRE, in both directions and over both profiles."""

import socket
import ssl
import unittest

from harness import paths
from harness.case import TestCase
from harness.federation import Domain, wait_equal, web_certificates
from harness.process import wait_until

OURS = "signet" if paths.have_signet() else "spire"

class Federation(TestCase):
    def pair(self, **kw):
        return Domain(self, OURS, "ours.org", **kw), Domain(self, "spire", "theirs.org", **kw)

    def test_the_federation_api_alone_is_enough(self):
        """No federates_with: relationships are made over the API, the bundle comes with them."""
        ours, theirs = self.pair()
        for domain in (ours, theirs):
            domain.start()
        for domain, other in ((ours, theirs), (theirs, ours)):
            domain.create_relationship(other)
            self.assertEqual(domain.server.must("federation", "refresh", "-id", other.name).out,
                             "Bundle refreshed\n")
        wait_equal(ours, theirs)
        # A prepared authority is in the document of the next poll.
        ours.prepare()
        theirs.prepare()
        wait_equal(ours, theirs)

    def test_https_web_with_files_that_change(self):
        folder = self.folder / "web"
        ca, cert, key = web_certificates(folder)
        files = {"serving_cert_file": {"cert_file_path": str(cert), "key_file_path": str(key),
                                       "file_sync_interval": "1s"}}
        profile = {"profile https_web": files}
        over = {"plugins": {"Federation https": {"plugin_data": {"ca_file": str(ca)}}}}
        ours = Domain(self, OURS, "ours.org", profile=profile, over=over if OURS == "signet" else None,
                      env={"SSL_CERT_FILE": str(ca)})
        theirs = Domain(self, "spire", "theirs.org", profile=profile, env={"SSL_CERT_FILE": str(ca)})
        ours.federates_with(theirs, web=True)
        theirs.federates_with(ours, web=True)
        for domain in (ours, theirs):
            domain.start()
        wait_equal(ours, theirs, seconds=90)  # of itself; SPIRE waits a minute when the first poll fails

        def shown(domain):
            context = ssl.create_default_context(cafile=ca)
            with socket.create_connection(("127.0.0.1", domain.port), 10) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as tls:
                    return tls.getpeercert()["serialNumber"]
        before = shown(ours)
        web_certificates(folder)
        wait_until("the new certificate", lambda: shown(ours) != before, 20, 0.2)
        for domain, other in ((ours, theirs), (theirs, ours)):
            domain.server.must("federation", "refresh", "-id", other.name)


if __name__ == "__main__":
    unittest.main()
