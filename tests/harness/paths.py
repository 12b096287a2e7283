"""Where the programs under test and the peers are."""

import functools
import hashlib
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SIGNET_BUILD_DIR", ROOT / "build")).resolve()
SIGNET = BUILD / "bin" / "signet"
PLUGINS = BUILD / "lib" / "signet" / "plugins"


@functools.lru_cache(maxsize=None)
def peer(name):
    """The path of a built peer; says how to build it when it is not there."""
    script = ROOT / "tests" / "peers" / "build.sh"
    path = pathlib.Path(subprocess.check_output([script, "-path", name], text=True).strip())
    if not path.exists():
        raise FileNotFoundError(f"peer {name} is not built; run tests/peers/build.sh {name}")
    return path


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def have_signet():
    return SIGNET.exists()


def long_run():
    """Whether this is scripts/test.sh long, where the cases run at their full size."""
    return os.environ.get("SIGNET_TEST_SCALE") == "long"


def slow():
    """Factor for deadlines: sanitizer builds and busy machines are slower."""
    return float(os.environ.get("SIGNET_TEST_SLOWNESS", "1"))
