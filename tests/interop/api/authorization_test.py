"""Who may call what: each method by each class of callers, with an empty request."""

import unittest

from harness import api_rows
from harness.api import ApiTest, Call, table

AGENTS = ["Entry/GetAuthorizedEntries", "Entry/SyncAuthorizedEntries", "SVID/BatchNewX509SVID",
          "SVID/NewJWTSVID", "SVID/BatchNewWITSVID", "Agent/RenewAgent", "Agent/PostStatus"]
SERVERS_BELOW = ["SVID/NewDownstreamX509CA", "Bundle/PublishJWTAuthority", "Bundle/PublishWITAuthority"]
ALLOWED = {"Bundle/GetBundle": {"nobody", "agent", "down", "local"},
           "Agent/AttestAgent": {"nobody", "agent", "down", "local"},
           "Bundle/GetFederatedBundle": {"agent", "local"},
           **{method: {"agent"} for method in AGENTS}, **{method: {"down"} for method in SERVERS_BELOW}}
# An empty request of these changes something.
LEFT_OUT = [("Agent/CreateJoinToken", "local"), ("Agent/CreateJoinToken", "admin"),
            ("Agent/CreateJoinToken", "operator"), ("Agent/PostStatus", "agent")]
ADMINS = {"admin", "operator"}  # by an entry, and by admin_ids
ADMIN_SOCKET_ONLY = ("Debug/", "Logger/", "Health/")


class WhoMayCallWhat(ApiTest):
    @table({"server": {"admin_ids": ["spiffe://example.org/operator"]}})
    def test_each_method_by_each_class(self):
        calls = []
        for method in api_rows.methods():
            for caller in ("nobody", "agent", "down", "local", *sorted(ADMINS)):
                if (method, caller) in LEFT_OUT:
                    continue
                allowed = ALLOWED.get(method, {"local"})
                row = "-" if caller in (allowed | ADMINS if "local" in allowed else allowed) else "refused"
                if method.startswith(ADMIN_SOCKET_ONLY):
                    if caller == "local":
                        continue  # see operators_test.py
                    row = "not-on-the-network"
                calls.append(Call(row, method, caller=caller))
        return calls


if __name__ == "__main__":
    unittest.main()
