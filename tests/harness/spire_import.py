"""A SPIRE server that Signet takes over from: the command, and what has to be the same afterwards."""

import json

from . import deploy
from .case import TestCase
from .process import run

LISTS = {
    "entries": ("entry", "show", "-output", "json"),
    "agents": ("agent", "list", "-output", "json"),
    "bundle": ("bundle", "show", "-format", "spiffe"),
    "federated bundles": ("bundle", "list", "-output", "json"),
    "relationships": ("federation", "list", "-output", "json"),
    "X.509 authorities": ("localauthority", "x509", "show", "-output", "json"),
    "JWT authorities": ("localauthority", "jwt", "show", "-output", "json"),
}


def listed(server):
    """All that SPIRE's own command line says of a server."""
    out = {}
    for name, words in LISTS.items():
        value = json.loads(server.must(*words, impl="spire").out)
        if name == "entries":
            value["entries"].sort(key=lambda entry: entry["id"])
        if name == "bundle":  # SPIRE gives JWT keys in any order
            value["keys"].sort(key=lambda key: (key["use"], key.get("kid", "")))
        out[name] = value
    return out


def import_spire(signet, spire, *flags, seconds=60):
    """The command for `signet` to take over from `spire`."""
    signet.config.write_text(deploy.hcl(signet.settings()))
    return run(deploy.argv("signet", "server", "datastore", "import-spire", "-config", signet.config,
                           "-spireConfig", spire.config, *flags), seconds=seconds)


class ImportCase(TestCase):
    def signet_at(self, spire, over=None, name="signet"):
        """A server, not started, that will have SPIRE's port."""
        signet = self.server("signet", over, name=name, start=False)
        signet.port = spire.port
        return signet

    def compare(self, before, after):
        for name in LISTS:
            with self.subTest(of=name):
                self.assertEqual(before[name], after[name])
