# SPDX-License-Identifier: BSD-3-Clause
"""test_readme.py - options, commands, versions and links in the documents exist."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
DOCUMENTS = [path for where in ("", "bindings/*", "docs", "examples", ".github")
             for path in sorted(SOURCE.glob(f"{where}/*.md".lstrip("/")))]  # fmt: skip


def read(name: str) -> str:
    """Return a file of the project."""
    return (SOURCE / name).read_text()


def anchor(heading: str) -> str:
    """Return the name that a forge gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def is_program(name: str) -> bool:
    """Whether a file of examples is a program, and not a part of one."""
    if not name.endswith((".c", ".cpp", ".py")):
        return False
    return name.endswith(".py") or re.search(r"\bmain\(", read(f"examples/{name}")) is not None


class Documents(unittest.TestCase):
    """Compares the documents with the files that they describe."""

    def test_options_are_those_of_cmake(self) -> None:
        cmake = read("CMakeLists.txt")
        declared = re.findall(r"^option\((\w+) .* (\S+)\)$", cmake, re.M)
        declared += re.findall(r"^set\((MCSAFE_(?:WITH|BUILD)\w+) (\S+) CACHE STRING", cmake, re.M)
        listed = re.findall(r"^\| `(MCSAFE_\w+)` \| `?([^`|]+)`? \|", read("README.md"), re.M)
        # Some defaults are computed from other settings, and the document states them in words.
        words = {
            "${PROJECT_IS_TOP_LEVEL}": "top level",
            "${install_default}": "top level",
            "${shared_default}": "top level",
            "${tools_default}": "AUTO",
        }
        self.assertEqual(
            sorted((name, words.get(default, default)) for name, default in declared),
            sorted((name, default.strip()) for name, default in listed),
        )

    def test_commands_of_dev_exist(self) -> None:
        shown = subprocess.run(
            [SOURCE / "dev", "help"], text=True, capture_output=True, check=True
        ).stdout
        known = set(re.findall(r"^  (\w+)", shown, re.M))
        self.assertIn("test", known)
        for document in DOCUMENTS:
            for command in re.findall(r"\./dev (\w+)", document.read_text()):
                with self.subTest(document.name):
                    self.assertIn(command, known)

    def test_links_lead_to_files(self) -> None:
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
                with self.subTest(document.name):
                    self.assertTrue((document.parent / target).exists(), target)

    def test_each_binding_is_in_the_table(self) -> None:
        bindings = sorted(path.name for path in (SOURCE / "bindings").iterdir() if path.is_dir())
        self.assertLessEqual({"cxx", "python", "rust"}, set(bindings))
        for name in bindings:
            with self.subTest(name):
                self.assertTrue((SOURCE / f"bindings/{name}/README.md").is_file())
                link = f"| [bindings/{name}](bindings/{name}/README.md) |\n"
                self.assertEqual(read("README.md").count(link), 1)

    def test_links_within_a_document_lead_to_headings(self) -> None:
        tried = 0
        for document in DOCUMENTS:
            text = document.read_text()
            anchors = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}
            for target in re.findall(r"\]\(#([^)]+)\)", text):
                with self.subTest(document.name):
                    self.assertIn(target, anchors)
                tried += 1
        self.assertGreaterEqual(tried, 9)

    def test_index_of_examples_is_complete(self) -> None:
        index = read("examples/README.md")
        programs, shared = re.findall(r"^\|---\|---\|\n((?:\|.*\n)+)", index, re.M)
        lines = re.findall(r"^\| \[([^]]+)\]\(([^)]+)\) \| (.+) \|$", programs, re.M)
        self.assertEqual(len(lines), programs.count("\n"), "one line for each program")
        for name, target, text in lines:
            with self.subTest(name):
                self.assertEqual(name, target)
                self.assertGreater(len(text.split()), 5)
        files = {path.name: path for path in (SOURCE / "examples").glob("*.*")}
        listed = [name for name, _, _ in lines]
        self.assertEqual(sorted(listed), sorted(filter(is_program, files)))
        others = re.findall(r"\[([^]]+)\]", shared)
        self.assertEqual(
            sorted(others),
            sorted(name for name in files if name[-2:] in (".c", ".h") and name not in listed),
        )

    def test_packages_of_each_command_are_known_to_dev(self) -> None:
        text = read("dev")
        [cases] = re.findall(r"^packages_for\(\) \{\n(.*?)^\}", text, re.M | re.S)
        commands = re.findall(r"(\w+)(?= \||\) echo)", cases)
        self.assertIn("distros", commands)
        done = subprocess.run(
            [SOURCE / "dev", "--no-install", "deps", *commands],
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        self.assertRegex(
            done.stderr, r"\Adev: (all packages are installed for|missing Debian packages):"
        )

    def test_presets_exist(self) -> None:
        presets = set(re.findall(r'"name": "([\w-]+)"', read("CMakePresets.json")))
        for document in DOCUMENTS:
            for preset in re.findall(r"--preset ([\w-]+)", document.read_text()):
                with self.subTest(document.name):
                    self.assertIn(preset, presets)

    def test_changelog_begins_with_this_version(self) -> None:
        version = ".".join(
            re.findall(
                r"MCSAFE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", read("include/mcsafe/version.h")
            )
        )
        [newest, *_] = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.M)
        self.assertEqual(newest, version)


if __name__ == "__main__":
    unittest.main()
