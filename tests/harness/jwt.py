"""Tokens as nobody here would make them: signed by OpenSSL with any header and any claims."""

import base64
import json
import subprocess


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An RSA key in `folder`, known to verifiers by `kid`."""

    def __init__(self, folder, kid="kid"):
        self.kid, self.file = kid, folder / f"{kid}.key"
        subprocess.run(["openssl", "genrsa", "-out", self.file, "2048"], check=True, capture_output=True)

    def jwk(self, **more):
        """Its public half, as a bundle has it."""
        said = subprocess.run(["openssl", "rsa", "-in", self.file, "-noout", "-modulus"], check=True,
                              capture_output=True, text=True).stdout
        number = bytes.fromhex(said.strip().removeprefix("Modulus="))
        return {"kty": "RSA", "kid": self.kid, "n": b64(number), "e": "AQAB", **more}

    def token(self, claims, **head):
        """A compact JWS. A part of the head that is None is left out."""
        head = {"alg": "RS256", "kid": self.kid, "typ": "JWT", **head}
        head = {k: v for k, v in head.items() if v is not None}
        signed = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode())
                          for part in (head, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.file], check=True,
                                   input=signed.encode(), capture_output=True).stdout
        return f"{signed}.{b64(signature)}"
