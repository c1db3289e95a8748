# SPDX-License-Identifier: BSD-3-Clause
"""test_man_api.py - the manual pages agree with the headers."""

import os
import re
import unittest
from pathlib import Path

import headers
import manual

SOURCE = Path(os.environ["MCSAFE_SOURCE_DIR"])
MAN = Path(os.environ["MCSAFE_MAN_DIR"])

# The order of man-pages(7). Every page of section 3 has the sections in REQUIRED.
ORDER = (
    "NAME LIBRARY SYNOPSIS DESCRIPTION OPTIONS EXIT_STATUS RETURN_VALUE ERRORS ENVIRONMENT FILES "
    "ATTRIBUTES VERSIONS STANDARDS HISTORY NOTES CAVEATS BUGS EXAMPLES SEE_ALSO"
).split()
REQUIRED = (
    "NAME LIBRARY SYNOPSIS DESCRIPTION RETURN_VALUE ERRORS ATTRIBUTES CAVEATS SEE_ALSO"
).split()


class ManualMatchesHeaders(unittest.TestCase):
    """Compares all pages with all headers."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.headers = headers.read(SOURCE / "include")
        cls.pages = manual.read(MAN)
        cls.aliases = manual.aliases(MAN)

    def functions(self) -> dict[str, tuple[headers.Header, str]]:
        """Return the header and the prototype of each public function."""
        return {
            name: (header, prototype)
            for header in self.headers
            for name, prototype in header.functions.items()
        }

    def page_of(self, function: str) -> manual.Page:
        """Return the one page whose SYNOPSIS declares a function."""
        [page] = [page for page in self.pages if function in page.prototypes()] or [None]
        self.assertIsNotNone(page, f"no manual page declares {function}()")
        return page

    def test_there_is_something_to_compare(self) -> None:
        self.assertIn("memcpy_mcsafe", self.functions())
        self.assertIn("mcsafe_fault", [name for header in self.headers for name in header.structs])

    def test_every_function_has_its_prototype_in_a_page(self) -> None:
        for function, (_, prototype) in self.functions().items():
            with self.subTest(function):
                self.assertEqual(self.page_of(function).prototypes()[function], prototype)

    def test_no_page_declares_a_function_that_the_headers_do_not(self) -> None:
        for page in self.pages:
            with self.subTest(page.name):
                self.assertLessEqual(page.prototypes().keys(), self.functions().keys())

    def test_every_function_is_named_and_found_by_man(self) -> None:
        for function in self.functions():
            with self.subTest(function):
                page = self.page_of(function)
                self.assertIn(function, page.names())
                file = f"{function}.3"
                if file != page.name:
                    self.assertEqual(self.aliases.get(file), f"man3/{page.name}")

    def test_every_alias_is_a_function(self) -> None:
        for alias in self.aliases:
            self.assertIn(alias.removesuffix(".3"), set(self.functions()))

    def test_the_synopsis_includes_the_right_header(self) -> None:
        umbrella = {header.name: header.includes for header in self.headers}
        for function, (header, _) in self.functions().items():
            with self.subTest(function):
                [include] = self.page_of(function).includes()
                self.assertTrue(
                    include == header.name or header.name in umbrella[include],
                    f"<{include}> does not declare {function}()",
                )

    def test_structs_are_those_of_the_headers(self) -> None:
        documented = {name: text for page in self.pages for name, text in page.structs().items()}
        for header in self.headers:
            for name, text in header.structs.items():
                with self.subTest(name):
                    self.assertEqual(documented.get(name), text)

    def test_every_enumerator_is_described(self) -> None:
        text = "\n".join(page.text for page in self.pages)
        for header in self.headers:
            for enumerator in header.enumerators:
                with self.subTest(enumerator):
                    self.assertRegex(text, rf"\b{enumerator}\b")

    def test_signal_safety_is_that_of_the_headers(self) -> None:
        for header in self.headers:
            for function, safe in header.signal_safe.items():
                with self.subTest(function):
                    self.assertEqual(attributes(self.page_of(function))[function], safe)

    def test_every_function_of_the_headers_states_its_signal_safety(self) -> None:
        for header in self.headers:
            self.assertEqual(header.functions.keys(), header.signal_safe.keys(), header.name)

    def test_sections_are_in_the_order_of_man_pages(self) -> None:
        for page in self.pages:
            with self.subTest(page.name):
                found = [name.replace(" ", "_") for name in page.sections]
                self.assertEqual(found, [name for name in ORDER if name in found])
                if page.name.endswith(".3"):
                    self.assertLessEqual(set(REQUIRED), set(found))

    def test_see_also_names_pages_that_exist(self) -> None:
        own = {page.name for page in self.pages} | self.aliases.keys()
        for page in self.pages:
            for name, section in re.findall(r"\b(mcsafe\w*|memcpy_mcsafe)\((\d)\)", page.text):
                with self.subTest(page.name):
                    self.assertIn(f"{name}.{section}", own)


def attributes(page: manual.Page) -> dict[str, bool]:
    """Read the table of ATTRIBUTES: whether a function may be called in a signal handler."""
    result: dict[str, bool] = {}
    group: list[str] = []
    complete = False
    for line in page.sections["ATTRIBUTES"]:
        function = re.match(r"\\fB(\w+)\\fP\(\)", line)
        if function:
            group = [*([] if complete else group), function.group(1)]
            complete = "\t" in line
        safety = re.search(r"\tAS safety\tAS-(Safe|Unsafe)", line)
        if safety:
            result.update(dict.fromkeys(group, safety.group(1) == "Safe"))
    return result


if __name__ == "__main__":
    unittest.main()
