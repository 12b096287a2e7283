"""Replaces what may differ between two runs (ids, serials, times, keys, tokens) by its kind.

Equal originals get equal masks (`<uuid:1>`), so that a document that names the same id twice still
has to do so.
"""

import re

_RULES = [
    ("pem", re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.S)),
    ("jwt", re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")),
    ("uuid", re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")),
    ("time", re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d( [A-Z]+)?| ?UTC|Z)?")),
    ("serial", re.compile(r"\bSERIALNUMBER=\d+")),
    ("duration", re.compile(r"\b\d+(\.\d+)?(ns|µs|us|ms)\b")),
]

# After these words SPIRE's text goes on with what a Go library or its database calls the fault; what
# matters is that the sentence before it, and the code, are the same.
_LIBRARY = re.compile(
    r'(malformed CSR|failed to parse CSR|unable to parse (?:X\.509|JWT) authority|invalid CSR signature|'
    r'failed to convert X\.509 authority|failed to convert JWT authority|failed to create token|'
    r'failed to list entries|failed to verify CSR signature|invalid DNS name|malformed public key|'
    r'invalid public key|invalid JWT authority(?!: missing)): '
    r'(?:\\.|[^"\\])*', re.S)
_LIBRARY_WHOLE = re.compile(_LIBRARY.pattern.removesuffix(r'(?:\\.|[^"\\])*') + ".*", re.S)


class Masker:
    def __init__(self, **known):
        """known: literal values to mask, such as port="8081" or folder="/tmp/x"."""
        self._seen = {}
        self._known = {str(v): f"<{k}>" for k, v in known.items()}

    def _token(self, kind, text):
        numbers = self._seen.setdefault(kind, {})
        return f"<{kind}:{numbers.setdefault(text, len(numbers) + 1)}>"

    def text(self, text, whole=False):
        """whole: the text is one message, not a document with messages in quotes."""
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, self._known[value])
        text = (_LIBRARY_WHOLE if whole else _LIBRARY).sub(r"\1: <reason>", text)
        text = re.sub(r"(CSR DNS name is invalid): .*", r"\1: <reason>", text, flags=re.S)
        for kind, rule in _RULES:
            def replace(match, kind=kind):
                if kind == "pem":
                    return f"<pem {match.group(1).lower()}>"
                if kind in ("time", "duration"):
                    return f"<{kind}>"
                return self._token(kind, match.group(0))
            text = rule.sub(replace, text)
        return text

    def json(self, value, fields=()):
        """Masks a JSON value: strings as text, and wholly the values of the keys in `fields`."""
        if isinstance(value, dict):
            return {k: f"<{k}>" if k in fields and v not in ("", "0", 0, [], None)
                    else self.json(v, fields) for k, v in value.items()}
        if isinstance(value, list):
            return [self.json(v, fields) for v in value]
        return self.text(value, whole=True) if isinstance(value, str) else value
