#!/usr/bin/env python3
"""Which source files can be compiled as one: their file-local names do not meet.

    scripts/lib/unity.py SIZE FILE...

Prints `group file` for each file, at most SIZE files to a group. Most of a compiler's time for one
of our files goes into headers, so that a group costs little more than one file. The sanitizer
builds (cmake/SignetBuild.cmake) and clang-tidy (tidy.py) use it; the build that people work with
does not: there one file changes at a time.
"""

import pathlib
import re
import sys


def local_names(text):
    """What a file defines for itself: macros, aliases, and the outer level of unnamed namespaces."""
    names = set(re.findall(r"^#define (\w+)", text, re.M))
    names |= set(re.findall(r"^(?:namespace|using) (\w+) = ", text, re.M))
    for body in re.findall(r"^namespace \{\n(.*?)^\}  // namespace$", text, re.S | re.M):
        outer = "\n".join(line for line in body.split("\n") if line and not line[0].isspace())
        names |= set(re.findall(r"\b([A-Za-z_]\w*)\b(?=\s*[({=;\[]| final)", outer))
    return names


def used_names(text):
    """What it says without a scope in front: such a name could be taken for another file's."""
    text = re.sub(r"//.*|\"(?:[^\"\\\n]|\\.)*\"|^#include.*", "", text, flags=re.M)
    return set(re.findall(r"(?<![\w.>:])([A-Za-z_]\w*)", text))


def groups(files, size):
    """Lists of files, in the order of `files`."""
    found = []  # (files, local names, used names)
    for file in files:
        text = pathlib.Path(file).read_text()
        local, used = local_names(text), used_names(text)
        for members, locals_in, used_in in found:
            if len(members) < size and not local & used_in and not locals_in & used:
                members.append(file)
                locals_in |= local
                used_in |= used
                break
        else:
            found.append(([file], local, used))
    return [members for members, _, _ in found]


if __name__ == "__main__":
    for number, members in enumerate(groups(sys.argv[2:], int(sys.argv[1]))):
        for name in members:
            print(number, name)
