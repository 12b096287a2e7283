"""Every selector of the unix attestor, each by an entry of its own, by SPIRE's agent and by ours."""

import grp
import json
import pwd
import unittest

from harness import paths
from harness.case import TestCase, UID_A, needs_root, needs_signet
from harness.process import run, wait_until

TD = "spiffe://example.org"
GID, SUPPLEMENTARY = 2, (3, 4)  # bin; sys and adm


class EachSelector:
    agent_impl = None

    def ids(self, agent, uid=None):
        """As a process whose user, group and further groups all differ."""
        done = run(["setpriv", f"--reuid={UID_A}", f"--regid={GID}", f"--groups={','.join(map(str, SUPPLEMENTARY))}",
                    self.probe_path(), "fetch-x509", "-socket", agent.socket])
        line = json.loads(done.out.splitlines()[0])
        return sorted(svid["spiffe_id"] for svid in line.get("svids", []))

    def test_each_selector_by_itself(self):
        program = self.probe_path()
        has = {
            "uid": UID_A, "user": pwd.getpwuid(UID_A).pw_name, "gid": GID, "group": grp.getgrgid(GID).gr_name,
            "path": program, "sha256": paths.digest(program),
            **{f"supplementary_gid-{n}": gid for n, gid in enumerate(SUPPLEMENTARY)},
            **{f"supplementary_group-{n}": grp.getgrgid(gid).gr_name for n, gid in enumerate(SUPPLEMENTARY)},
        }
        lacks = {"uid": 0, "user": "root", "gid": UID_A, "group": "root", "supplementary_gid": GID,
                 "supplementary_group": "root", "path": "/usr/bin/env", "sha256": "0" * 64}
        server = self.server("signet")
        agent = self.agent(self.agent_impl, server, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"WorkloadAttestor unix": {"plugin_data": {"discover_workload_path": True}}}})
        for word, selectors in (("lacks", lacks), ("has", has)):
            for name, value in selectors.items():
                server.create_entry(f"/{word}/{name}", "/node", [f"unix:{name.partition('-')[0]}:{value}"])
        server.create_entry("/all", "/node", [f"unix:{name.partition('-')[0]}:{value}" for name, value in has.items()])
        server.create_entry("/but-one", "/node", ["unix:user:root", f"unix:uid:{UID_A}"])
        want = sorted([f"{TD}/all", *(f"{TD}/has/{name}" for name in has)])
        wait_until(f"each of {want}", lambda: self.ids(agent) == want)


@needs_root
@needs_signet
class OfSpire(EachSelector, TestCase):
    agent_impl = "spire"


@needs_root
@needs_signet
class OfSignet(EachSelector, TestCase):
    agent_impl = "signet"


if __name__ == "__main__":
    unittest.main()
