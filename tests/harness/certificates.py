"""Certificates as nobody here would make them: by OpenSSL, for any name and any time."""

import base64
import pathlib

from .process import run

_CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = optional
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
subjectAltName = {name}
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {name}
"""


class Certificate:
    """`name`.pem and `name`.key in `folder`, an EC P-256 key and one subject alternative name.

    san:     "URI:spiffe://..." or "DNS:..."
    signer:  the Certificate whose key signs; without one it is an authority that signs itself
    authority: with a signer too
    valid:   from and to as YYYYMMDD
    """

    def __init__(self, folder, name, san, signer=None, valid=("20200101", "20990101"),
                 authority=False):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        self.pem, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        request, config = folder / f"{name}.csr", folder / f"{name}.cnf"
        config.write_text(_CONFIG.format(folder=folder, name=san))
        (folder / "index.txt").write_text("")
        must("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             self.key, "-out", request, "-subj", f"/O={name}")
        by = ["-cert", signer.pem, "-keyfile", signer.key] if signer else ["-selfsign", "-keyfile", self.key]
        must("ca", "-batch", "-notext", "-config", config, "-extensions",
             "leaf" if signer and not authority else "authority", *by, "-in", request, "-out", self.pem,
             "-startdate", valid[0] + "000000Z", "-enddate", valid[1] + "000000Z")


def x509pop_server(folder):
    """The settings of a server that believes `folder`/root.pem."""
    return {"plugins": {"NodeAttestor x509pop": {"plugin_data": {"ca_bundle_path": str(folder / "root.pem")}}}}


def x509pop_agent(folder, name):
    """The settings of an agent that attests with `folder`/`name`.pem."""
    return {"plugins": {"NodeAttestor join_token": None, "NodeAttestor x509pop": {"plugin_data": {
        "certificate_path": str(folder / f"{name}.pem"), "private_key_path": str(folder / f"{name}.key")}}}}


def request(folder, *names):
    """A certificate request for any names ("URI:...", "DNS:..."), base64 of DER."""
    out = pathlib.Path(folder) / "request.der"
    must("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         out.with_suffix(".key"), "-outform", "DER", "-out", out, "-subj", "/O=test",
         "-addext", "subjectAltName=" + ",".join(names))
    return base64.b64encode(out.read_bytes()).decode()


def must(*words):
    result = run(["openssl", *words])
    assert result.code == 0, result
    return result.out
