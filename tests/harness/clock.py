"""Clocks of our own processes that are moved while they run."""

import pathlib
import struct
import subprocess


class Clock:
    """The clocks of every process that is started with `env`; at first the machine's."""

    def __init__(self, folder):
        self._file = pathlib.Path(folder) / "clock"
        self._ahead = [0, 0]
        self.move(0)
        shim = self._file.with_suffix(".so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", shim,
                        pathlib.Path(__file__).with_name("clock.c"), "-ldl"], check=True)
        self.env = {"LD_PRELOAD": str(shim), "SIGNET_ALLOW_PRELOAD": "1", "TEST_CLOCK": str(self._file)}

    def move(self, seconds, asleep=False):
        """So much time passes. asleep: as for a machine that slept, whose monotonic clock stood still."""
        self._ahead[0] += seconds
        self._ahead[1] += 0 if asleep else seconds
        with open(self._file, "r+b" if self._file.exists() else "wb", buffering=0) as f:
            f.write(struct.pack("=qq", *self._ahead))
