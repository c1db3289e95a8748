# SPDX-License-Identifier: BSD-3-Clause
"""test_forge.py - the workflows call commands that ./dev has, and the templates are complete.

Only the parts of the formats that these files use are known here.
"""

import os
import re
import shlex
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

try:
    import yaml
except ModuleNotFoundError:
    # Another Python may come first in PATH, without the packages of Debian's own.
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import yaml
    except ModuleNotFoundError:
        print("SKIP: Python's yaml is not installed (Debian: python3-yaml)")
        sys.exit(1 if os.environ.get("MCSAFE_NO_SKIP") == "1" else 77)

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
FORGE = SOURCE / ".github"
# Before the checkout there is no ./dev yet. What is installed then is what a user begins with.
BEGIN = "apt-get update && apt-get install -y --no-install-recommends "


def read(path: Path) -> dict:
    """Return the content of a file. YAML 1.1 takes the word "on" for true."""
    content = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


def from_distros(name: str) -> str:
    """Return the value of a name of tests/distros/distros.py, as it is written there."""
    text = (SOURCE / "tests/distros/distros.py").read_text()
    return re.search(rf"^{name} = (.*)$", text, re.M)[1]


def dev_commands() -> set[str]:
    """Return the commands that ./dev lists, and that it has a function for."""
    shown = subprocess.run(
        [SOURCE / "dev", "help"], text=True, capture_output=True, check=True
    ).stdout
    functions = re.findall(r"^cmd_(\w+)\(\)", (SOURCE / "dev").read_text(), re.M)
    return set(re.findall(r"^  (\w+)", shown, re.M)) & set(functions)


def steps_of(job: dict) -> Iterator[dict]:
    """Yield the steps of a job, with each value of its matrix put in."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for step in job["steps"]:
        texts = [step]
        for name, values in matrix.items():
            place = "${{ matrix." + name + " }}"
            texts = [
                {key: str(text).replace(place, value) for key, text in step.items()}
                for step in texts
                for value in values
            ]
        yield from texts


def wrong_commands(script: str) -> list[str]:
    """Return the lines of a step that are not a command of ./dev."""
    wrong = []
    for line in script.splitlines():
        words = shlex.split(line)
        known = words[:1] == ["./dev"] and len(words) > 1 and words[1] in dev_commands()
        if not known or not re.fullmatch(r"[\w./ ^\[\]'-]+", line):
            wrong.append(line)
    return wrong


class Workflows(unittest.TestCase):
    """Reads .github/workflows."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.workflows = {path.name: read(path) for path in (FORGE / "workflows").glob("*.yml")}
        cls.jobs = {
            f"{name}: {key}": job
            for name, workflow in cls.workflows.items()
            for key, job in workflow["jobs"].items()
        }

    def test_there_is_something_to_read(self) -> None:
        self.assertIn("ci.yml", self.workflows)
        self.assertGreaterEqual(len(self.jobs), 3)
        self.assertLessEqual({"build", "test", "lint"}, dev_commands())

    def test_workflows_have_the_keys_of_a_workflow(self) -> None:
        for name, workflow in self.workflows.items():
            with self.subTest(name):
                self.assertLessEqual({"name", "on", "permissions", "jobs"}, set(workflow))
                self.assertEqual(workflow["permissions"], {"contents": "read"})
        for name, job in self.jobs.items():
            with self.subTest(name):
                self.assertLessEqual({"runs-on", "steps", "timeout-minutes"}, set(job))
                for step in job["steps"]:
                    self.assertEqual(len({"run", "uses"} & set(step)), 1, step)
                    self.assertLessEqual(set(step), {"run", "uses", "name"})

    def test_only_what_the_matrix_or_the_forge_has_is_put_in(self) -> None:
        for name, job in self.jobs.items():
            matrix = job.get("strategy", {}).get("matrix", {})
            for place in re.findall(r"\$\{\{ *([^}]*?) *\}\}", yaml.safe_dump(job)):
                with self.subTest(name):
                    self.assertIn(place, {f"matrix.{key}" for key in matrix})

    def test_a_command_that_dev_has_not_is_found(self) -> None:
        for line in ("./dev tset", "./dev", "make", "./dev test; make", "./dev test && make"):
            with self.subTest(line):
                self.assertEqual(wrong_commands(f"./dev build\n{line}"), [line])

    def test_each_command_is_one_of_dev(self) -> None:
        tried = set()
        for name, job in self.jobs.items():
            for step in steps_of(job):
                if "run" not in step or step["run"].startswith(BEGIN):
                    continue
                with self.subTest(name):
                    self.assertEqual(wrong_commands(step["run"]), [])
                tried.add(step["run"].split()[1])
        self.assertLessEqual({"demo", "build", "test", "lint"}, tried)

    def test_packages_are_those_that_readme_expects(self) -> None:
        begin_with = set(from_distros("INCLUDED").strip('"').split(",")) - {"sudo"}
        for name, job in self.jobs.items():
            with self.subTest(name):
                scripts = [step.get("run", "") for step in job["steps"]]
                [line] = [text for text in scripts if re.search("apt|dpkg", text)]
                self.assertTrue(line.startswith(BEGIN), line)
                self.assertEqual(set(line.removeprefix(BEGIN).split()), begin_with)

    def test_systems_are_those_of_the_distros_script(self) -> None:
        suites = re.findall(r'"(\w+)":', from_distros("SUITES"))
        matrix = self.workflows["ci.yml"]["jobs"]["distros"]["strategy"]["matrix"]
        self.assertEqual(matrix["container"], [f"debian:{suite}" for suite in suites])
        for name, job in self.jobs.items():
            with self.subTest(name):
                image = job["container"]["image"]
                self.assertIn(image, [*matrix["container"], "${{ matrix.container }}"])

    def test_tests_of_the_virtual_machine_are_left_out(self) -> None:
        for name, job in self.jobs.items():
            for step in steps_of(job):
                if step.get("run", "").startswith("./dev test"):
                    with self.subTest(name):
                        self.assertIn("--exclude-regex '^vm[.]'", step["run"])


class Templates(unittest.TestCase):
    """Reads the templates of issues."""

    def test_forms_are_complete(self) -> None:
        forms = [path for path in (FORGE / "ISSUE_TEMPLATE").glob("*.yml")]
        self.assertEqual({path.stem for path in forms}, {"bug", "config", "feature"})
        for path in forms:
            if path.stem == "config":
                self.assertEqual(set(read(path)), {"blank_issues_enabled"})
                continue
            with self.subTest(path.name):
                form = read(path)
                self.assertEqual(set(form), {"name", "description", "labels", "body"})
                self.check_body(form["body"])

    def check_body(self, body: list[dict]) -> None:
        """Check the elements of a form."""
        asked = [element for element in body if element["type"] != "markdown"]
        self.assertGreaterEqual(len(asked), 3)
        identities = [element["id"] for element in asked]
        self.assertEqual(len(set(identities)), len(identities))
        self.assertIn(True, [element["validations"]["required"] for element in asked])
        for element in body:
            attributes = element["attributes"]
            if element["type"] == "markdown":
                self.assertEqual(set(attributes), {"value"})
                continue
            self.assertIn(element["type"], {"dropdown", "input", "textarea"})
            self.assertIn("label", attributes)
            allowed = {"dropdown": {"options"}, "input": set(), "textarea": {"render"}}
            self.assertLessEqual(
                set(attributes), {"label", "description"} | allowed[element["type"]]
            )
            if element["type"] == "dropdown":
                self.assertEqual(len(set(attributes["options"])), len(attributes["options"]))

    def test_bugs_come_with_the_output_of_a_command_that_exists(self) -> None:
        text = (FORGE / "ISSUE_TEMPLATE/bug.yml").read_text()
        [(command, option)] = re.findall(r"`mcsafe (\w+) --(\w+)`", text)
        commands = (SOURCE / "tools/commands.def").read_text()
        self.assertRegex(commands, rf"(?m)^COMMAND\({command},")
        page = (SOURCE / f"man/mcsafe-{command}.1.in").read_text()
        self.assertIn(rf"\-\-{option}", page)


if __name__ == "__main__":
    unittest.main()
