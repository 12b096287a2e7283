"""The LocalAuthority service: each method in each state it may be called in."""

import unittest

from harness.api import ApiTest, do, service, table
from harness.certificates import Certificate

local = service("LocalAuthority")
JWT_METHODS = ["GetJWTAuthorityState", *(f"{what}JWTAuthority" for what in (
    "Prepare", "Activate", "Taint", "Revoke"))]


class Life:
    """The authorities of one kind, of each side, as the server told them last."""

    def __init__(self, kind):
        self.kind = kind
        self.seen = {}

    def get(self):
        return local("good", f"Get{self.kind}AuthorityState")

    def prepare(self, row="good"):
        return local(row, f"Prepare{self.kind}Authority")

    def on(self, row, what, word):
        """The call for the authority that is `word` then; older: that was old before. Another word is the ID itself."""
        def request(side):
            answer = side.ask(f"LocalAuthority/Get{self.kind}AuthorityState", {})
            known = self.seen.setdefault(side.impl, {})
            if known.get("old") != answer.get("old", {}).get("authorityId"):
                known["older"] = known.get("old", "")
            known.update({w: answer[w]["authorityId"] for w in ("active", "prepared", "old") if w in answer})
            return {"authority_id": known.get(word, word)}
        return local(row, f"{what}{self.kind}Authority", request)


class Authorities(ApiTest):
    def life(self, kind):
        life = Life(kind)
        on = life.on
        return [
            life.get(),
            *(on(row, what, word) for what, unknown in (
                ("Activate", "unknown"), ("Taint", "unknown"), ("Revoke", "unknown"))
              for row, word in (("no-id", ""), (unknown, "nothing-of-this-name"),
                                ("unknown" if what == "Activate" else "active", "active"))),
            life.prepare(), life.get(), on("prepared", "Taint", "prepared"), on("prepared", "Revoke", "prepared"),
            life.prepare("replaces"), life.get(), on("good", "Activate", "prepared"), life.get(),
            on("unknown", "Activate", "active"), on("not-prepared", "Activate", "old"),
            on("not-tainted", "Revoke", "old"), on("active", "Taint", "active"),
            on("good", "Taint", "old"), on("again", "Taint", "old"),
            service("Bundle")("mask", "GetBundle", {"output_mask": {"refresh_hint": True}}),
            on("active", "Revoke", "active"), on("good", "Revoke", "old"), on("again", "Revoke", "old"),
            on("-", "Taint", "old"), life.get(), life.prepare(), life.get(),
            # One that has left its place, and is in the bundle still.
            on("good", "Activate", "prepared"), life.prepare(), on("good", "Activate", "prepared"), life.get(),
            on("unknown", "Taint", "older"), on("unknown", "Revoke", "older"),
        ]

    @table()
    def test_x509(self):
        upstream = [local("no-upstream", f"{what}X509UpstreamAuthority", {"subject_key_id": key})
                    for what in ("Taint", "Revoke") for key in ("", "AB")]
        return self.life("X509") + upstream

    @table()
    def test_jwt(self):
        return self.life("JWT")

    @table({"server": {"disable_jwt_svids": True}})
    def test_without_jwt_svids(self):
        return [local("disabled", method) for method in JWT_METHODS]

    def below_files(self):
        folder = self.folder / "upstream"
        self.new_root(None)
        return {"plugins": {"UpstreamAuthority disk": {"plugin_data": {
            "cert_file_path": str(folder / "root.pem"), "key_file_path": str(folder / "root.key")}}}}

    def new_root(self, _, name="first"):
        """The authority in the files of both sides is the one of this name."""
        made = self.folder / name
        if not made.exists():
            Certificate(made, "root", "URI:spiffe://example.org")
            (made / "root.key").chmod(0o600)
            link = self.folder / "upstream"
            link.unlink(missing_ok=True)
            link.symlink_to(made)

    @table(below_files)
    def test_below_an_upstream(self):
        life = Life("X509")

        def upstream(row, what, key):
            def request(side):
                state = side.ask("LocalAuthority/GetX509AuthorityState", {})
                return {"subject_key_id": state[key]["upstreamAuthoritySubjectKeyId"] if key in state else key}
            return local(row, f"{what}X509UpstreamAuthority", request)
        faults = [upstream(row, what, key) for what in ("Taint", "Revoke")
                  for row, key in (("no-id", ""), ("active", "active"), ("unknown", "abcd"))]
        return [
            life.get(), *faults, life.prepare(), *faults, life.on("good", "Activate", "prepared"), *faults,
            *(life.on("below-an-upstream", what, word) for what in ("Taint", "Revoke") for word in ("old", "active")),
            life.get(),
            # Another root, under which the prepared one is and the active one is not.
            do(lambda side: self.new_root(side, "second")), life.prepare(), life.get(),
            upstream("prepared", "Taint", "prepared"), upstream("prepared", "Revoke", "prepared"),
        ]


if __name__ == "__main__":
    unittest.main()
