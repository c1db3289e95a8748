# SPDX-License-Identifier: BSD-3-Clause
"""test_release.py - the version is the same everywhere, and ./dev release refuses what is wrong.

The tests work on a part of the tree, which is a repository of its own.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "packaging"))

import source  # noqa: E402

VERSION = source.version(SOURCE)
# No setting of this machine counts. The identity is for commits and tags.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@localhost",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@localhost",
    "LC_ALL": "C.UTF-8",
}
# Of each library: its map, and the list of Debian's package.
SYMBOLS = {
    "src/mcsafe.map": "debian/libmcsafe0.symbols",
    "src/inject/mcsafe-inject.map": "debian/libmcsafe-inject0.symbols",
}
# What the script reads, and some more.
PARTS = (".gitignore", "CHANGELOG.md", "README.md", "bindings", "debian", "include", "packaging")
# What names the authors, without an address.
AUTHORS = {
    "LICENSE": r"^Copyright \(c\) \d+, (.*)$",
    "bindings/python/pyproject.toml": r'^authors = \[\{ name = "(.*)" \}\]$',
    "bindings/rust/mcsafe/Cargo.toml": r'^authors = \["(.*)"\]$',
    "bindings/rust/mcsafe-sys/Cargo.toml": r'^authors = \["(.*)"\]$',
    "debian/copyright": r"^Copyright: \d+ (.*)$",
}


def git(tree: Path, *arguments: str, **more: str) -> str:
    """Run git, which must succeed."""
    done = subprocess.run(
        ["git", "-C", str(tree), *arguments],
        check=True, text=True, capture_output=True, env={**ENVIRONMENT, **more},
    )  # fmt: skip
    return done.stdout


def replace(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence, which must be there."""
    text = path.read_text()
    if old not in text:
        raise AssertionError(f"{path}: no {old!r}")
    path.write_text(text.replace(old, new, 1))


class Versions(unittest.TestCase):
    """The files of this tree."""

    def test_the_version_is_the_same_everywhere(self) -> None:
        self.assertEqual(source.disagreements(SOURCE, VERSION), [])

    def test_another_version_is_found_in_each_place(self) -> None:
        found = source.disagreements(SOURCE, "9.8.7")
        self.assertEqual(len(found), 1 + len(source.PLACES))
        for line in found:
            self.assertIn(f"is {VERSION}, not 9.8.7", line)

    def test_the_same_maintainer_is_named_everywhere(self) -> None:
        found = source.maintainers(SOURCE)
        self.assertEqual(len(found), len(source.MAINTAINERS))
        [maintainer] = set(found.values())
        self.assertRegex(maintainer, r"^\S.* <\S+@\S+>$")

    def test_the_same_authors_are_named_everywhere(self) -> None:
        for name, pattern in AUTHORS.items():
            [authors] = re.findall(pattern, (SOURCE / name).read_text(), re.M)
            self.assertEqual(authors, "the libmcsafe authors", name)

    def test_the_placeholder_is_called_one(self) -> None:
        address = re.search(r"<(.*)>", source.PLACEHOLDER)[1]
        for name in ("CONTRIBUTING.md", "SECURITY.md"):
            self.assertIn(f"`{address}`", (SOURCE / name).read_text(), name)

    def test_debian_lists_each_symbol_with_its_version(self) -> None:
        for name, list_name in SYMBOLS.items():
            text = re.sub(r"/\*.*?\*/", "", (SOURCE / name).read_text(), flags=re.S)
            wanted = set()
            for node, body in re.findall(r"([\w.]+) \{(.*?)\};", text, re.S):
                [public] = re.findall(r"global:(.*?)(?:local:|$)", body, re.S)
                wanted |= {f"{symbol}@{node}" for symbol in [node, *re.findall(r"\w+", public)]}
            self.assertGreater(len(wanted), 10)
            lines = (SOURCE / list_name).read_text().splitlines()
            listed = {line.split()[0] for line in lines if line.startswith(" ")}
            for symbol in sorted(wanted - listed):
                print(f'{list_name}: add the line " {symbol} {VERSION}"')
            self.assertEqual(sorted(wanted ^ listed), [], list_name)


class Release(unittest.TestCase):
    """Each test has a repository and a directory for the files."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = tempfile.TemporaryDirectory(prefix="mcsafe release ")
        cls.addClassCleanup(cls.shared.cleanup)
        cls.original = Path(cls.shared.name) / "original"
        for name in PARTS:
            ignored = shutil.ignore_patterns("__pycache__", "target")
            if (SOURCE / name).is_dir():
                shutil.copytree(SOURCE / name, cls.original / name, ignore=ignored)
            else:
                (cls.original / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(SOURCE / name, cls.original / name)
        git(cls.original, "init", "--quiet")
        git(cls.original, "add", "--all")
        git(cls.original, "commit", "--quiet", "--message", "all")

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="mcsafe release ")
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name) / "tree"
        self.output = Path(scratch.name) / "output"
        git(self.original, "clone", "--quiet", str(self.original), str(self.tree))

    def release(self, *arguments: str, output: Path | None = None, umask: int = 0o022,
                **more: str) -> subprocess.CompletedProcess:  # fmt: skip
        """Run the release script of the tree."""
        return subprocess.run(
            [sys.executable, "-B", str(self.tree / "packaging/release.py"), *arguments,
             "--output", str(output or self.output)],
            check=False, text=True, capture_output=True, umask=umask,
            env={**ENVIRONMENT, **more},
        )  # fmt: skip

    def made(self, *arguments: str, **more) -> Path:
        """Run the script, which must succeed, and return the tarball."""
        done = self.release(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        [archive] = (more.get("output") or self.output).glob("*.tar.gz")
        return archive

    def refused(self, *said: str, arguments: tuple[str, ...] = (VERSION,)) -> None:
        """Run the script, which must say this, and make neither a file nor a tag."""
        tags = git(self.tree, "tag") if (self.tree / ".git").exists() else ""
        done = self.release(*arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        for words in said:
            self.assertIn(words, done.stderr)
        self.assertFalse(self.output.exists())
        if (self.tree / ".git").exists():
            self.assertEqual(git(self.tree, "tag"), tags)

    def change(self, name: str, old: str, new: str) -> None:
        """Change a file of the tree, and commit the change."""
        replace(self.tree / name, old, new)
        git(self.tree, "commit", "--quiet", "--all", "--message", "change")

    def name_a_release(self) -> None:
        """Have the files say that the version is released."""
        replace(self.tree / "CHANGELOG.md", "(unreleased)", "(2026-12-01)")
        self.change("debian/changelog", "UNRELEASED", "unstable")

    def test_two_runs_give_the_same_bytes(self) -> None:
        first = self.made(VERSION)
        # Another clone, at another time, with other settings of the user.
        other = self.tree.with_name("other")
        git(self.tree, "clone", "--quiet", str(self.tree), str(other))
        settings = other.with_name("settings")
        settings.write_text("[tar]\numask = 0077\n[core]\nautocrlf = true\n")
        self.tree = other
        second = self.made(
            VERSION, output=self.output.with_name("second"), umask=0o077,
            GIT_CONFIG_GLOBAL=str(settings), TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="1",
        )  # fmt: skip
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_the_tarball_holds_the_commit_and_nothing_of_this_machine(self) -> None:
        with tarfile.open(self.made(VERSION)) as archive:
            members = archive.getmembers()
        prefix = f"libmcsafe-{VERSION}"
        files = {member.name for member in members if not member.isdir()}
        listed = git(self.tree, "ls-files", "-z").split("\0")[:-1]
        self.assertGreater(len(listed), 40)
        self.assertEqual(files, {f"{prefix}/{name}" for name in listed})
        self.assertEqual({(member.uid, member.gid, member.uname) for member in members},
                         {(0, 0, "root")})  # fmt: skip
        commit_time = int(git(self.tree, "log", "-1", "--format=%ct"))
        self.assertEqual({member.mtime for member in members}, {commit_time})

    def test_the_tree_of_a_tarball_gives_the_same_files_without_git(self) -> None:
        archive = self.made(VERSION)
        with tarfile.open(archive) as opened:
            names = sorted(member.name for member in opened if not member.isdir())
        # extractall() of Debian 12's Python takes no filter, and later ones warn without one.
        subprocess.run(["tar", "-xf", archive, "-C", self.output], check=True)
        tree = self.output / f"libmcsafe-{VERSION}"
        (tree / "build").mkdir()
        (tree / "build/made").touch()
        targets = [self.output / "first.tar.gz", self.output / "second.tar.gz"]
        for target in targets:
            source.tarball(tree, target)
            with tarfile.open(target) as opened:
                self.assertEqual(sorted(m.name for m in opened if not m.isdir()), names)
        self.assertEqual(*(target.read_bytes() for target in targets))

    def test_the_other_files_are_the_notes_and_the_sums(self) -> None:
        archive = self.made(VERSION)
        notes = (self.output / "NOTES.md").read_text()
        self.assertTrue(notes.startswith(f"# libmcsafe {VERSION}\n\nABI: "))
        self.assertNotIn("\n## ", notes)
        lines = (self.output / "SHA256SUMS").read_text().splitlines()
        sums = {name: digest for digest, name in (line.split() for line in lines)}
        self.assertEqual(set(sums), {archive.name, "NOTES.md"})
        for name, digest in sums.items():
            content = (self.output / name).read_bytes()
            self.assertEqual(hashlib.sha256(content).hexdigest(), digest)

    def test_a_placeholder_of_the_maintainer_is_named_until_it_is_replaced(self) -> None:
        words = f'the maintainer "{source.PLACEHOLDER}" is a placeholder'
        names = [name for name, _, _ in source.MAINTAINERS]
        # A packager's tree has no placeholder.
        [now] = set(source.maintainers(SOURCE).values())
        for name in names:
            replace(self.tree / name, now, source.PLACEHOLDER)
        git(self.tree, "commit", "--quiet", "--all", "--allow-empty", "--message", "placeholder")
        for name in names:
            self.assertIn(words, self.release(VERSION).stdout)
            self.change(name, source.PLACEHOLDER, "Somebody <somebody@localhost>")
        self.assertNotIn("placeholder", self.release(VERSION).stdout)

    def test_a_dry_run_makes_no_tag(self) -> None:
        self.made(VERSION)
        self.assertEqual(git(self.tree, "tag"), "")

    def test_a_wrong_version_is_refused(self) -> None:
        self.refused(f"include/mcsafe/version.h: the version is {VERSION}, not 9.8.7",
                     "CHANGELOG.md", arguments=("9.8.7",))  # fmt: skip

    def test_each_file_with_another_version_is_refused(self) -> None:
        for name, old, new in (
            ("CHANGELOG.md", f"## {VERSION}", "## 9.8.7"),
            ("debian/changelog", f"({VERSION}-", "(9.8.7-"),
            ("packaging/libmcsafe.spec", f"        {VERSION}", "        9.8.7"),
            ("packaging/libmcsafe.spec", f" - {VERSION}-", " - 9.8.7-"),
            ("bindings/rust/mcsafe/Cargo.toml", f'\nversion = "{VERSION}"', '\nversion = "9.8.7"'),
            ("bindings/rust/mcsafe/Cargo.toml", f', version = "{VERSION}"', ', version = "9.8.7"'),
            ("bindings/rust/mcsafe-sys/Cargo.toml", f'"{VERSION}"', '"9.8.7"'),
            ("bindings/rust/Cargo.lock", f'"mcsafe"\nversion = "{VERSION}"',
             '"mcsafe"\nversion = "9.8.7"'),
            ("bindings/rust/Cargo.lock", f'"mcsafe-sys"\nversion = "{VERSION}"',
             '"mcsafe-sys"\nversion = "9.8.7"'),
        ):
            with self.subTest(new):
                self.change(name, old, new)
                self.refused(f"{name}: ", f"is 9.8.7, not {VERSION}")
                self.change(name, new, old)

    def test_a_dirty_tree_is_refused(self) -> None:
        replace(self.tree / "README.md", "libmcsafe", "libmcsafe!")
        self.refused("not committed", " M README.md")

    def test_a_file_that_git_does_not_know_is_refused(self) -> None:
        (self.tree / "new file").touch()
        self.refused("not committed", "?? ", "new file")

    def test_an_existing_tag_is_refused(self) -> None:
        git(self.tree, "tag", f"v{VERSION}")
        self.refused(f"the tag v{VERSION} exists")

    def test_a_tree_without_git_is_refused(self) -> None:
        shutil.rmtree(self.tree / ".git")
        self.refused("no git repository")

    def test_an_empty_section_of_the_changelog_is_refused(self) -> None:
        text = (self.tree / "CHANGELOG.md").read_text()
        start = text.index(f"## {VERSION}")
        (self.tree / "CHANGELOG.md").write_text(text[:start] + f"## {VERSION} (unreleased)\n")
        git(self.tree, "commit", "--quiet", "--all", "--message", "change")
        self.refused("CHANGELOG.md: the first section is missing or empty")

    def test_a_tag_of_an_unreleased_version_is_refused(self) -> None:
        self.refused("CHANGELOG.md: the first entry says (unreleased)",
                     "debian/changelog: the first entry says UNRELEASED",
                     arguments=(VERSION, "--tag"))  # fmt: skip

    def test_the_tag_is_annotated_and_has_the_notes(self) -> None:
        self.name_a_release()
        self.made(VERSION, "--tag")
        self.assertEqual(git(self.tree, "cat-file", "-t", f"v{VERSION}"), "tag\n")
        message = git(self.tree, "for-each-ref", "--format=%(contents)", f"refs/tags/v{VERSION}")
        self.assertEqual(message.strip(), (self.output / "NOTES.md").read_text().strip())
        shutil.rmtree(self.output)
        self.refused(f"the tag v{VERSION} exists")


if __name__ == "__main__":
    if shutil.which("git") is None:
        print("SKIP: git is not installed")
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)
    unittest.main()
