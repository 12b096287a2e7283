"""The services of a FileDescriptorSet (tests/fixtures/wire), read without protobuf."""

from . import paths


def _fields(data):
    """(field number, value) of each field of an encoded message; groups do not occur."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at:at + size]
        at += size


def _text(message, number):
    return next((value.decode() for field, value in _fields(message) if field == number), "")


def services(name):
    """{full name of a service: [its methods]} of tests/fixtures/wire/`name`.desc."""
    out = {}
    for field, file in _fields((paths.ROOT / "tests" / "fixtures" / "wire" / f"{name}.desc").read_bytes()):
        if field != 1:  # FileDescriptorSet.file
            continue
        package = _text(file, 2)
        for number, service in _fields(file):
            if number == 6:  # FileDescriptorProto.service
                methods = [_text(method, 1) for inner, method in _fields(service) if inner == 2]
                out[f"{package}.{_text(service, 1)}"] = methods
    return out
