"""What the documents say is true: their commands and flags exist, and so do the files they name."""

import functools
import re
import subprocess
import unittest

from harness import paths, tutorial
from harness.case import TestCase, needs_signet
from harness.deploy import argv
from harness.process import run, wait_until

DOCUMENTS = sorted(p for p in paths.ROOT.rglob("*.md")
                   if not p.relative_to(paths.ROOT).parts[0].startswith(("build", ".")))
# A command in a line of its own (indented, or in a fence), or in `code`.
COMMAND = re.compile(r"(?:^\s+|^|`)(?:[\w./]*/)?signet ([a-z][^`\n]*)", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# Our own files as text names them; those with a placeholder in them are not meant.
NAMED = re.compile(r"(?<![\w/.-])((?:scripts|tests|docs|kernel|libs|plugins|plugin-sdk|examples|cmake)/[\w./-]+\w)")
# What the words of a command end with: a flag, a placeholder, a comment, the next command.
END_OF_WORDS = re.compile(r"^(-|[A-Z<\[#(|…&>]|.*[./=…]|\\)")


@functools.cache
def help_of(*words):
    found = run(argv("signet", *words, "-h"))
    return found.out + found.err if found.code == 0 else None


def commands():
    """(document, words, flags) of each command of Signet that a document shows."""
    for document in DOCUMENTS:
        for line in COMMAND.findall(document.read_text().replace("\\\n", " ")):
            line = re.split(r"\s#|\s{2,}\(| \|| && |;", line)[0]
            words = line.split()
            n = next((i for i, word in enumerate(words) if END_OF_WORDS.match(word)), len(words))
            yield document.relative_to(paths.ROOT), words[:n], re.findall(r"(?<=[\s\[])-{1,2}([A-Za-z]\w*)", line)


class Documents(TestCase):
    @needs_signet
    def test_commands_and_their_flags_exist(self):
        checked = 0
        for document, words, flags in commands():
            if words[0] not in ("server", "agent", "dev", "explain", "plugin", "validate", "version"):
                continue  # a sentence: "signet is …"
            with self.subTest(document=str(document), command=" ".join(words)):
                # Words behind the command's own are its arguments, or the sentence goes on.
                text = None
                while words and (text := help_of(*words)) is None:
                    words = words[:-1]
                self.assertTrue(text, "no such command")
                for flag in set(flags) - {"h"}:
                    self.assertRegex(text, rf"-{flag}\b", f"-{flag}")
                checked += 1
        self.assertGreater(checked, 20)

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for link in LINK.findall(document.read_text()):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = link.partition("#")
                target = document.parent / file if file else document
                with self.subTest(document=str(document.relative_to(paths.ROOT)), link=link):
                    self.assertTrue(target.exists())
                    if anchor:
                        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                        self.assertIn(anchor, [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-")
                                               for h in headings])

    def test_files_that_are_named_exist(self):
        for document in DOCUMENTS:
            if document.parent.name == "decisions" or document.name == "CHANGELOG.md":
                continue  # they tell of a day
            text = document.read_text()
            for name in set(NAMED.findall(text)):
                at = text.find(name) + len(name)
                if text[at:at + 1] in ("<", "*", "{", "-", "…") or "..." in name or re.search(r"[A-Z]{4}", name):
                    continue  # a pattern
                if "workloadattestor-badge" in name:
                    continue  # what the reader of writing-a-plugin.md makes
                with self.subTest(document=str(document.relative_to(paths.ROOT)), file=name):
                    self.assertTrue((paths.ROOT / name).exists() or (document.parent / name).exists())

    def test_each_stage_of_the_test_script_that_is_named_exists(self):
        script = (paths.ROOT / "scripts" / "test.sh").read_text()
        stages = set(re.findall(r"^([a-z |]+)\)", script[script.index("case $what in"):], re.MULTILINE))
        known = {word for stage in stages for word in re.split(r"[ |]+", stage)}
        self.assertIn("unit", known)
        for document in DOCUMENTS:
            for stage in re.findall(r"scripts/test\.sh ([a-z]+)", document.read_text()):
                with self.subTest(document=str(document.relative_to(paths.ROOT)), stage=stage):
                    self.assertIn(stage, known)

    def test_each_fuzz_target_is_in_the_table_with_a_corpus_and_each_that_is_named_exists(self):
        folder = paths.ROOT / "tests" / "fuzz"
        built = {name for room in ("kernel", "libs", "plugins", "tests")
                 for rules in (paths.ROOT / room).rglob("CMakeLists.txt")
                 for name in re.findall(r"^\s*signet_add_fuzzer\((\w+)", rules.read_text(), re.MULTILINE)}
        tabled = re.findall(r"^\|.*\| `(\w+)` \|$", (folder / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(tabled), sorted(built))
        self.assertEqual({kept.name for kept in (folder / "corpus").iterdir()}, built)
        for document in DOCUMENTS:
            for names in re.findall(r"[Ff]uzz targets?:? ((?:(?:, | and )?`\w+`(?: \([^)]*\))?)+)",
                                    " ".join(document.read_text().split())):
                with self.subTest(document=str(document.relative_to(paths.ROOT)), names=names):
                    self.assertLessEqual(set(re.findall(r"`(\w+)`", names)), built)

    @needs_signet
    def test_the_plugin_of_writing_a_plugin_works(self):
        """Its code as it stands there, built by the command that stands there, attests a workload."""
        tutorial.write_sources(self.folder / "src")
        build = re.search(r"^    (g\+\+ .*)$", tutorial.text(), re.MULTILINE)[1]
        for ours in ("plugin-sdk", "cmake"):
            build = re.sub(rf"(?<=[ =]){ours}/", f"{paths.ROOT}/{ours}/", build)
        built = run(build.split(), cwd=self.folder, seconds=120)
        self.assertEqual(built.code, 0, built)
        plugin = self.folder / "workloadattestor-badge.so"
        plugin.chmod(0o755)
        server = self.server("signet")
        agent = self.agent("signet", server, {
            "agent": {"experimental": {"sync_interval": "1s"}},
            "plugins": {"WorkloadAttestor badge": {"plugin_cmd": str(plugin), "plugin_data": {}}}})
        # A workload whose process number is known before it asks.
        workload = subprocess.Popen(["sh", "-c", f"read go && exec {self.probe_path()} fetch-x509 -socket {agent.socket}"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(workload.kill)
        server.create_entry("/badged", "/node", [f"badge:pid:{workload.pid}"])
        wait_until("the entry at the agent", lambda: "spiffe://example.org/badged" in agent.process.text())
        out, _ = workload.communicate("go\n", timeout=30)
        self.assertIn("spiffe://example.org/badged", out)


if __name__ == "__main__":
    unittest.main()
