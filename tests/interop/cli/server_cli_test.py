"""The server's command line and admin API, compared with SPIRE's step by step.

One scenario of some hundred commands runs against four pairs of (server, command line). SPIRE with
its own command line is the measure; every other pair has to give the same exit code and, after
masking ids, serials, keys and times, the same text on both outputs:

    SPIRE's command line on Signet's server   the admin API answers as SPIRE's does
    Signet's command line on SPIRE's server   our commands send and print as SPIRE's do
    Signet's command line on Signet's server  and both together
"""

import json
import unittest

from harness.case import TestCase, needs_signet
from harness.cli_compare import ServerSteps, compare_steps

ENTRIES = {"entries": [
    {"entry_id": "data-1", "spiffe_id": "spiffe://example.org/from-file/1",
     "parent_id": "spiffe://example.org/host", "selectors": [{"type": "unix", "value": "uid:11"}],
     "x509_svid_ttl": 120, "dns_names": ["one.example.org"]},
    {"entry_id": "data-2", "spiffe_id": "spiffe://example.org/from-file/2",
     "parent_id": "spiffe://example.org/host", "selectors": [{"type": "unix", "value": "uid:12"}],
     "admin": True},
]}

class Scenario(ServerSteps):
    """Runs the steps against one pair and keeps what each gave."""

    def run(self):
        self.health_and_flags()
        self.tokens()
        self.entries()
        self.entry_errors()
        self.bundles()
        self.federation()
        self.agents()
        self.minting()
        self.operators()
        self.authorities()
        return self.steps

    def authorities(self):
        for kind in ("x509", "jwt"):
            base = ("localauthority", kind)

            def ids():
                return json.loads(self.server.must(*base, "show", "-output", "json").out)
            self.both(*base, "show")
            first = ids()["active"]["authority_id"]
            self.step(*base, "prepare")
            self.step(*base, "prepare", "-output", "json")
            self.both(*base, "show")
            for verb in ("activate", "taint", "revoke"):
                self.step(*base, verb)
                self.step(*base, verb, "-authorityID", "nothing-of-this-name")
            self.step(*base, "activate", "-authorityID", ids()["prepared"]["authority_id"])
            self.both(*base, "show")
            self.step(*base, "revoke", "-authorityID", first)
            self.step(*base, "taint", "-authorityID", first)
            self.step(*base, "taint", "-output", "json", "-authorityID", first)
            self.step(*base, "revoke", "-authorityID", first)
            self.step(*base, "revoke", "-output", "json", "-authorityID", first)
            self.step(*base, "prepare", "-h")
            second = ids()["active"]["authority_id"]
            self.step(*base, "prepare", "-output", "json")
            self.step(*base, "activate", "-output", "json", "-authorityID",
                      ids()["prepared"]["authority_id"])
            self.step(*base, "taint", "-output", "json", "-authorityID", second)
            self.step(*base, "revoke", "-output", "json", "-authorityID", second)
        for verb in ("taint", "revoke"):
            self.step("upstreamauthority", verb)
            self.both("upstreamauthority", verb, "-subjectKeyID", "AB")
            self.step("upstreamauthority", verb, "-h")

    def operators(self):
        self.step("debug", "getinfo", "-h")
        self.both("debug", "getinfo")
        self.step("logger", "get", "-h")
        self.both("logger", "get")
        self.both("logger", "set", "-level", "WARN")
        for flags in ([], ["-level", "loud"], ["-level", "trace"], ["-level", "warning"], ["-h"]):
            self.step("logger", "set", *flags)
        self.both("logger", "get")
        self.both("logger", "reset")

    def health_and_flags(self):
        self.step("healthcheck")
        self.step("healthcheck", "-verbose")
        self.step("healthcheck", "-shallow")
        self.step("entry", "show", "-nosuchflag")
        self.step("entry", "create", "-x509SVIDTTL", "abc")
        self.step("agent", "show")
        self.step("entry", "show", "-output", "xml")
        self.step("token", "generate", "-ttl")

    def tokens(self):
        self.step("token", "generate", "-ttl", "60", "-spiffeID", "spiffe://example.org/host")
        self.step("token", "generate", "-output", "json", "-ttl", "60", "-spiffeID",
                  "spiffe://example.org/host2")
        self.both("token", "generate")
        self.step("token", "generate", "-spiffeID", "not-an-id")
        self.step("token", "generate", "-spiffeID", "spiffe://other.org/x")
        self.step("token", "generate", "-ttl", "-1")

    def entries(self):
        spiffe = "spiffe://example.org"
        self.both("entry", "count")
        self.both("entry", "show")
        base = ["-parentID", f"{spiffe}/host"]
        self.step("entry", "create", "-entryID", "e1", "-spiffeID", f"{spiffe}/one", *base,
                  "-selector", "unix:uid:1")
        self.step("entry", "create", "-output", "json", "-entryID", "e2", "-spiffeID", f"{spiffe}/two",
                  *base, "-selector", "unix:uid:2", "-selector", "unix:gid:2", "-x509SVIDTTL", "600",
                  "-jwtSVIDTTL", "60", "-dns", "b.example.org", "-dns", "a.example.org", "-admin",
                  "-hint", "second", "-jwtSVIDIncludeJTI", "-disableX509SVIDPrefetch")
        self.step("entry", "create", "-entryID", "e3", "-spiffeID", f"{spiffe}/three", *base,
                  "-selector", "unix:uid:3", "-downstream", "-x509SVIDTTL", "600", "-jwtSVIDTTL", "60",
                  "-dns", "c.example.org", "-admin", "-hint", "third", "-jwtSVIDIncludeJTI",
                  "-entryExpiry", "4102444800")
        self.step("entry", "create", "-node", "-entryID", "e4", "-spiffeID", f"{spiffe}/nodes",
                  "-selector", "join_token:x")
        self.both("entry", "create", "-data", "-", stdin=json.dumps(ENTRIES))
        self.step("entry", "create", "-entryID", "e5", "-spiffeID", f"{spiffe}/store", *base,
                  "-selector", "unix:uid:5", "-storeSVID")
        # The same again: already exists, by content and by id.
        self.both("entry", "create", "-spiffeID", f"{spiffe}/one", *base, "-selector", "unix:uid:1")
        self.both("entry", "create", "-entryID", "e1", "-spiffeID", f"{spiffe}/other", *base,
                  "-selector", "unix:uid:9")
        self.both("entry", "count")
        self.both("entry", "show")
        self.both("entry", "show", "-entryID", "e2")
        self.both("entry", "show", "-entryID", "none")
        for flags in (["-spiffeID", f"{spiffe}/one"], ["-parentID", f"{spiffe}/host"],
                      ["-selector", "unix:uid:2"], ["-selector", "unix:uid:2", "-selector", "unix:gid:2"],
                      ["-selector", "unix:uid:2", "-matchSelectorsOn", "exact"],
                      ["-selector", "unix:uid:2", "-selector", "unix:gid:2", "-matchSelectorsOn", "exact"],
                      ["-selector", "unix:uid:2", "-matchSelectorsOn", "any"],
                      ["-selector", "unix:uid:2", "-selector", "unix:uid:1", "-matchSelectorsOn", "subset"],
                      ["-selector", "unix:uid:2", "-matchSelectorsOn", "nonsense"],
                      ["-downstream"], ["-hint", "second"], ["-selector", "nocolon"],
                      ["-spiffeID", "bad id"], ["-parentID", f"{spiffe}/host", "-hint", "third"],
                      ["-federatesWith", "spiffe://other.org"],
                      ["-federatesWith", "other.org", "-matchFederatesWithOn", "exact"]):
            self.step("entry", "show", *flags)
            self.step("entry", "count", *flags)
        self.step("entry", "update", "-entryID", "e1", "-spiffeID", f"{spiffe}/one", *base,
                  "-selector", "unix:uid:100", "-x509SVIDTTL", "77")
        self.step("entry", "update", "-output", "json", "-entryID", "e2", "-spiffeID", f"{spiffe}/two",
                  *base, "-selector", "unix:uid:2")
        self.step("entry", "show", "-entryID", "e2")
        self.both("entry", "update", "-entryID", "none", "-spiffeID", f"{spiffe}/x", *base,
                  "-selector", "unix:uid:2")
        self.both("entry", "delete", "-entryID", "e4")
        self.both("entry", "delete", "-entryID", "e4")
        ids = self.server.folder / "ids.json"
        ids.write_text(json.dumps({"ids": ["data-1", "data-2", "none"]}))
        self.both("entry", "delete", "-file", ids)
        self.step("entry", "show")

    def entry_errors(self):
        spiffe = "spiffe://example.org"
        good = {"-spiffeID": f"{spiffe}/x", "-parentID": f"{spiffe}/host", "-selector": "unix:uid:7"}
        for change in ({"-spiffeID": None}, {"-parentID": None}, {"-selector": None},
                       {"-spiffeID": "spiffe://other.org/x"}, {"-parentID": "spiffe://other.org/x"},
                       {"-spiffeID": f"{spiffe}/a b"}, {"-spiffeID": f"{spiffe}/"}, {"-spiffeID": spiffe},
                       {"-selector": "unix"}, {"-selector": ":x"}, {"-selector": "unix:"},
                       {"-x509SVIDTTL": "-1"}, {"-jwtSVIDTTL": "-5"}, {"-entryID": "a/b"},
                       {"-entryID": "x" * 256}, {"-hint": "x" * 1025}, {"-dns": "-bad-"},
                       {"-dns": "a..b"}, {"-dns": "*.example.org"}, {"-federatesWith": "unknown.org"},
                       {"-federatesWith": "example.org"}, {"-entryExpiry": "-1"},
                       {"-parentID": f"{spiffe}/x"}, {"-storeSVID": True, "-selector": "unix:uid:7"},
                       {"-downstream": True, "-storeSVID": True}):
            words = ["entry", "create"]
            for key, value in {**good, **change}.items():
                if value is True:
                    words.append(key)
                elif value is not None:
                    words += [key, value]
            self.both(*words)
        self.step("entry", "create", "-data", "-", stdin="{not json", loose=True)
        self.step("entry", "create", "-data", "/nonexistent/file")
        self.step("entry", "update", "-spiffeID", f"{spiffe}/x")
        self.step("entry", "delete")
        self.step("entry", "show", "-entryID", "e1", "-spiffeID", f"{spiffe}/x")

    def bundles(self):
        self.both("bundle", "show")
        self.both("bundle", "show", "-format", "spiffe")
        self.step("bundle", "show", "-format", "der")
        self.both("bundle", "count")
        self.both("bundle", "list")
        pem = self.server.cli("bundle", "show", impl=self.cli).out
        jwks = self.server.cli("bundle", "show", "-format", "spiffe", impl=self.cli).out
        self.both("bundle", "set", "-id", "spiffe://other.org", stdin=pem)
        path = self.server.folder / "jwks.json"
        path.write_text(jwks)
        self.both("bundle", "set", "-id", "third.org", "-format", "spiffe", "-path", path)
        self.step("bundle", "set", "-id", "spiffe://example.org", stdin=pem)
        self.step("bundle", "set", "-id", "bad id", stdin=pem)
        self.step("bundle", "set", stdin=pem)
        self.step("bundle", "set", "-id", "spiffe://other.org", stdin="no pem")
        self.step("bundle", "set", "-id", "spiffe://other.org", "-format", "spiffe", stdin="{}")
        self.both("bundle", "list")
        self.both("bundle", "list", "-format", "spiffe")
        self.both("bundle", "list", "-id", "spiffe://other.org")
        self.both("bundle", "list", "-id", "spiffe://none.org")
        self.both("bundle", "count")
        # Deletion in its three modes, with an entry that federates.
        self.step("entry", "create", "-entryID", "fed", "-spiffeID", "spiffe://example.org/fed",
                  "-parentID", "spiffe://example.org/host", "-selector", "unix:uid:20",
                  "-federatesWith", "spiffe://other.org", "-federatesWith", "third.org")
        self.step("entry", "show", "-federatesWith", "spiffe://other.org")
        self.step("entry", "show", "-federatesWith", "other.org", "-matchFederatesWithOn", "exact")
        self.both("bundle", "delete", "-id", "spiffe://other.org")
        self.step("bundle", "delete", "-id", "spiffe://other.org", "-mode", "nonsense")
        self.both("bundle", "delete", "-id", "spiffe://other.org", "-mode", "dissociate")
        # Signet gives the changed entry a new revision, so that agents notice it at once.
        self.step("entry", "show", "-entryID", "fed", ignore=r"^Revision .*$")
        self.both("bundle", "delete", "-id", "third.org", "-mode", "delete")
        self.step("entry", "show", "-entryID", "fed")
        self.step("bundle", "delete", "-id", "spiffe://example.org")
        self.step("bundle", "delete")
        self.both("bundle", "delete", "-id", "none.org")

    def federation(self):
        pem = self.server.folder / "federated.pem"
        pem.write_text(self.server.cli("bundle", "show", impl=self.cli).out)
        jwks = self.server.folder / "federated.json"
        jwks.write_text(self.server.cli("bundle", "show", "-format", "spiffe", impl=self.cli).out)
        command = "federation"
        for verb in ("create", "update", "show", "list", "delete", "refresh"):
            self.step(command, verb, "-h")
        self.both(command, "list")
        web = ["-bundleEndpointURL", "https://web.invalid/", "-bundleEndpointProfile", "https_web"]
        spiffe = ["-bundleEndpointURL", "https://127.0.0.1:1", "-bundleEndpointProfile", "https_spiffe",
                  "-endpointSpiffeID", "spiffe://spiffe.org/server"]
        self.both(command, "create", "-trustDomain", "web.org", *web)
        self.step(command, "create", "-trustDomain", "spiffe://spiffe.org", *spiffe,
                  "-trustDomainBundlePath", pem)
        self.both(command, "create", "-trustDomain", "spiffe2.org", *spiffe[:-1],
                  "spiffe://spiffe2.org/server", "-trustDomainBundlePath", jwks,
                  "-trustDomainBundleFormat", "spiffe")
        self.step(command, "create", "-trustDomain", "spiffe3.org", *spiffe,
                  "-trustDomainBundlePath", pem)  # the bundle is taken for the endpoint's domain
        for flags in ([], ["-trustDomain", "x.org"], ["-trustDomain", "x.org", *web[:2]],
                      ["-trustDomain", "x.org", *web[:3], "nonsense"],
                      ["-trustDomain", "x.org", *spiffe[:4]],
                      ["-trustDomain", "x.org", *spiffe[:5], "no id"],
                      ["-trustDomain", "x.org", "-bundleEndpointURL", "http://x", *web[2:]],
                      ["-trustDomain", "b ad", *web], ["-trustDomain", "example.org", *web],
                      ["-trustDomain", "x.org", *web, "-trustDomainBundlePath", "/nonexistent/file"],
                      ["-trustDomain", "x.org", *web, "-data", "-"]):
            self.both(command, "create", *flags)
        self.step(command, "create", "-trustDomain", "x.org", *web, "-trustDomainBundlePath", jwks)
        data = {"federationRelationships": [
            {"trustDomain": "one.org", "bundleEndpointURL": "https://one.invalid",
             "bundleEndpointProfile": "https_web"},
            {"trustDomain": "two.org", "bundleEndpointURL": "https://two.invalid",
             "bundleEndpointProfile": "https_spiffe", "endpointSPIFFEID": "spiffe://two.org/server",
             "trustDomainBundleFormat": "pem", "trustDomainBundle": pem.read_text()},
            {"trustdomain": "three.org", "BundleEndpointURL": "https://three.invalid",
             "bundleEndpointProfile": "https_spiffe", "endpointSpiffeId": "spiffe://three.org/server",
             "trustDomainBundleFormat": "spiffe", "trustDomainBundle": json.loads(jwks.read_text())},
            {"trustDomain": "example.org", "bundleEndpointURL": "https://one.invalid",
             "bundleEndpointProfile": "https_web"}]}
        path = self.server.folder / "relationships.json"
        path.write_text(json.dumps(data))
        self.both(command, "create", "-data", path)
        self.step(command, "create", "-data", "-", stdin="{not json", loose=True)
        self.step(command, "create", "-data", "-", stdin="{}")
        self.step(command, "create", "-data", "/nonexistent/file")
        for change in ({"trustDomain": ""}, {"bundleEndpointURL": None}, {"bundleEndpointProfile": "x"},
                       {"trustDomainBundle": "x"}, {"trustDomainBundle": "x", "trustDomainBundleFormat": "pem"}):
            item = {**data["federationRelationships"][0], **change}
            self.step(command, "create", "-data", "-",
                      stdin=json.dumps({"federationRelationships": [item]}))
        self.both(command, "list")
        self.both(command, "show", "-trustDomain", "web.org")
        self.step(command, "show", "-trustDomain", "spiffe://spiffe.org")
        self.both(command, "show", "-trustDomain", "none.org")
        self.step(command, "show", "-trustDomain", "b ad")
        self.step(command, "show")
        self.both(command, "update", "-trustDomain", "web.org", *spiffe)
        self.both(command, "update", "-trustDomain", "none.org", *web)
        self.step(command, "update", "-trustDomain", "web.org", *web, "-trustDomainBundlePath", pem)
        self.step(command, "update", "-data", path)
        self.step(command, "update")
        self.step(command, "show", "-trustDomain", "web.org")
        self.both(command, "refresh", "-id", "none.org")
        self.step(command, "refresh", "-id", "b ad")
        self.step(command, "refresh")
        self.both(command, "delete", "-id", "web.org")
        self.both(command, "delete", "-id", "none.org")
        self.step(command, "delete", "-id", "b ad")
        self.step(command, "delete")
        self.step(command, "list")

    def join(self):
        token = json.loads(self.server.cli("token", "generate", "-output", "json").out)["value"]
        folder = self.server.folder / f"join-{token}"
        folder.mkdir()
        _, lines = self.case.probe("join", "-addr", f"127.0.0.1:{self.server.port}", "-token", token,
                                   "-dir", folder)
        return lines[0]["spiffe_id"]

    def agents(self):
        self.both("agent", "list")
        self.both("agent", "count")
        first = self.join()
        self.both("agent", "list")
        self.both("agent", "count")
        self.both("agent", "show", "-spiffeID", first)
        self.both("agent", "show", "-spiffeID", "spiffe://example.org/spire/agent/none")
        self.step("agent", "show", "-spiffeID", "spiffe://example.org/workload")
        for flags in (["-banned"], ["-banned=false"], ["-canReattest"], ["-canReattest=false"],
                      ["-attestationType", "join_token"], ["-attestationType", "k8s_psat"],
                      ["-selector", "a:b"], ["-selector", "a"],
                      ["-expiresBefore", "2000-01-01 00:00:00 -0700 -07"], ["-expiresBefore", "soon"]):
            self.step("agent", "list", *flags)
            self.step("agent", "count", *flags)
        self.both("agent", "ban", "-spiffeID", first)
        self.step("agent", "show", "-spiffeID", first)
        self.step("agent", "list", "-banned")
        self.both("agent", "evict", "-spiffeID", first)
        self.both("agent", "evict", "-spiffeID", first)
        self.both("agent", "ban", "-spiffeID", first)
        self.step("agent", "evict")
        self.step("agent", "ban", "-spiffeID", "nonsense")
        self.both("agent", "purge")
        self.both("agent", "purge", "-expiredFor", "1h", "-dryRun")
        self.step("agent", "list")

    def minting(self):
        out = self.server.folder / "out"
        out.mkdir()
        spiffe = "spiffe://example.org/minted"
        self.both("x509", "mint", "-spiffeID", spiffe)
        self.step("x509", "mint", "-spiffeID", spiffe, "-ttl", "10m", "-dns", "a.example.org",
                  "-write", out)
        self.steps.append(("files of x509 mint", 0, " ".join(
            f"{p.name}:{p.stat().st_mode & 0o777:o}" for p in sorted(out.iterdir())), ""))
        self.step("x509", "mint")
        self.step("x509", "mint", "-spiffeID", "spiffe://other.org/x")
        self.step("x509", "mint", "-spiffeID", spiffe, "-dns", "-bad-")
        self.step("x509", "mint", "-spiffeID", spiffe, "-ttl", "nonsense")
        self.both("jwt", "mint", "-spiffeID", spiffe, "-audience", "a", "-audience", "b")
        self.step("jwt", "mint", "-spiffeID", spiffe, "-audience", "a", "-write", out / "token")
        self.step("jwt", "mint", "-spiffeID", spiffe)
        self.step("jwt", "mint", "-audience", "a")
        self.step("jwt", "mint", "-spiffeID", "spiffe://other.org/x", "-audience", "a")
        self.step("jwt", "mint", "-spiffeID", spiffe, "-audience", "a", "-ttl", "-5s")


class ServerCommandLine(TestCase):
    show_logs = False  # the differences say it all

    def scenario(self, server, cli):
        node = self.server(server, {"server": {"admin_ids": ["spiffe://example.org/ops"]}})
        return Scenario(self, node, cli).run()

    def compare(self, server, cli):
        want = self.scenario("spire", "spire")
        compare_steps(self, f"server-{server}-{cli}", want, self.scenario(server, cli))

    def test_the_scenario_gives_the_same_twice_on_spire(self):
        self.compare("spire", "spire")

    @needs_signet
    def test_spires_command_line_drives_signets_server(self):
        self.compare("signet", "spire")

    @needs_signet
    def test_signets_command_line_drives_spires_server(self):
        self.compare("spire", "signet")

    @needs_signet
    def test_signets_command_line_drives_signets_server(self):
        self.compare("signet", "signet")


if __name__ == "__main__":
    unittest.main()
