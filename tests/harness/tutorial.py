"""The plugin that docs/writing-a-plugin.md makes, as its code stands there."""

import re

from . import paths


def text():
    return (paths.ROOT / "docs" / "writing-a-plugin.md").read_text()


def write_sources(folder):
    """Each block of code into the file that its first line names."""
    folder.mkdir()
    for block in re.findall(r"```cpp\n(.*?)```", text(), re.DOTALL):
        (folder / re.match(r"// (\S+)\n", block)[1]).write_text(block)
