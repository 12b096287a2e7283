#!/usr/bin/env python3
"""clang-tidy over many files, several of one target at a time.

    scripts/lib/tidy.py BUILD_DIR FILE...

Files of one target are checked as one, where unity.py says that they can be: a third of the time of
one by one. A unit that does not compile (a clash nobody foresaw) is halved until it does. Prints
each finding at its own file and line, then `N files, N findings`; exits with 1 when there is any.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import unity

CLANG_TIDY = os.environ.get("CLANG_TIDY", "clang-tidy-16")
FILES_PER_UNIT = 10
# Two files of a unit may well include the same header, and one may use what the other declares.
SINGLE_FILE_CHECKS = "-readability-duplicate-include,-misc-unused-using-decls"
# The compile commands are GCC's.
CLANG_FLAGS = ["-Wno-unknown-warning-option", "-Wno-unused-command-line-argument", "-w"]
# The analyzer cannot be told to leave this one out, and cannot follow a value into a Result.
IGNORED = ("clang-analyzer-core.uninitialized.Assign",)
FINDING = re.compile(
    r"^(?P<file>/[^\s:]+):\d+:\d+: (?:warning|error): .* \[(?P<check>[\w.-]+)[^]]*\]$")


def compile_flags(command):
    """The command's flags without compiler, source, output and dependency file."""
    words = iter(shlex.split(command))
    kept = []
    for word in words:
        if word in ("-o", "-MF", "-MT", "-c"):
            next(words)
        elif word.startswith("-") and word != "-MD":
            kept.append(word)
            if word in ("-isystem", "-include", "-I"):
                kept.append(next(words))
    return kept


def commands_of(build):
    """{source: its entry in the compile commands}, also of sources that compile as one."""
    database = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        members = re.findall(r'^#include "(.+)"$', file.read_text(), re.M) if file.parent.name == "Unity" else []
        database |= {pathlib.Path(member): entry for member in members or [file]}
    return database


def units_of(sources, database):
    """(target, files of it that compile as one), all of `sources`."""
    by_target = collections.defaultdict(list)
    for source in sources:
        target = re.search(r"/([^/]+)\.dir/", database[source]["command"]).group(1)
        by_target[(target, source.suffix)].append(source)
    return [(target, members) for (target, _), files in by_target.items()
            for members in unity.groups(files, FILES_PER_UNIT)]


def findings_in(text, root):
    """{first line: with the notes below it} of what concerns the tree."""
    found, current = {}, None
    for line in text.splitlines():
        if match := FINDING.match(line):
            ours = match["file"].startswith(f"{root}/") and match["check"] not in IGNORED
            current = found.setdefault(line, [line]) if ours else None
        elif current is not None:
            current.append(line)
    return {first: "\n".join(lines) for first, lines in found.items()}


def check(root, target, files, database, folder):
    """What clang-tidy finds in these files, as findings_in()."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{target}-", suffix=files[0].suffix, dir=folder, delete=False
    ) as unit:
        lines = []  # of the unit: the file and line each came from
        for source in files:
            text = source.read_text()
            unit.write(text)
            lines += [f"{source}:{n}" for n in range(1, text.count("\n") + 1)]
    entry = database[files[0]]
    folders = sorted({f"-I{source.parent}" for source in files})
    run = subprocess.run(
        [CLANG_TIDY, "--quiet", f"--config-file={root}/.clang-tidy",
         f"--checks={SINGLE_FILE_CHECKS}", unit.name, "--"]
        + compile_flags(entry["command"]) + folders + CLANG_FLAGS,
        capture_output=True, text=True, cwd=entry["directory"], check=False)
    if len(files) > 1 and "clang-diagnostic-error" in run.stdout:
        half = len(files) // 2
        return check(root, target, files[:half], database, folder) | check(
            root, target, files[half:], database, folder)
    if run.returncode != 0 and "error:" not in run.stdout:
        return {f"{files[0]}: clang-tidy failed": run.stdout + run.stderr}
    return findings_in(
        re.sub(re.escape(unit.name) + r":(\d+)", lambda place: lines[int(place[1]) - 1],
               run.stdout), root)


def main():
    build, *names = sys.argv[1:]
    root = pathlib.Path(__file__).resolve().parents[2]
    database = commands_of(pathlib.Path(build))
    # What this build does not compile (a fuzz target) has no flags to check it with.
    sources = [source for source in (root / name for name in names) if source in database]
    found = {}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(
        int(os.environ.get("SIGNET_JOBS") or os.cpu_count())
    ) as pool:
        # The large units first, so that the last one does not run alone for long.
        units = sorted(units_of(sources, database), key=lambda unit: -len(unit[1]))
        checks = [pool.submit(check, root, *unit, database, folder) for unit in units]
        for done in concurrent.futures.as_completed(checks):
            findings = done.result()
            for first, text in findings.items():
                if first not in found:
                    print(text, flush=True)
            found |= findings
    print(f"{len(sources)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
