# SPDX-License-Identifier: BSD-3-Clause
"""test_standard.py - the tests of Python for its module mmap pass with mcsafe in its place."""

import os
import sys
import tempfile
import unittest

import mcsafe
import support

# What is left out, with the reason.
EXCLUDED = {
    "test_repr": "it wants the name mmap.mmap; test_map.py looks at that of mcsafe.mmap",
}

try:
    # import_module("mmap") of the tests then finds mcsafe.
    sys.modules["mmap"] = mcsafe
    from test import test_mmap
except ImportError:
    test_mmap = None


class Place(unittest.TestCase):
    """The tests really use mcsafe."""

    def test_the_module_under_test_is_mcsafe(self) -> None:
        if test_mmap is None:
            support.skip("this Python has no module test.test_mmap")
        self.assertIs(test_mmap.mmap, mcsafe)

    def test_what_is_left_out_exists(self) -> None:
        if test_mmap is None:
            support.skip("this Python has no module test.test_mmap")
        for name in EXCLUDED:
            self.assertTrue(hasattr(test_mmap.MmapTests, name), name)


def standard_tests() -> unittest.TestSuite:
    """All of them but those that are left out."""
    suite = unittest.TestSuite()
    for case in (test_mmap.MmapTests, test_mmap.LargeMmapTests):
        for name in unittest.defaultTestLoader.getTestCaseNames(case):
            if name not in EXCLUDED:
                suite.addTest(case(name))
    return suite


def main() -> None:
    """Run the tests in a directory of their own, in which they make files."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Place)
    if test_mmap is not None:
        suite.addTests(standard_tests())
    with tempfile.TemporaryDirectory(prefix="mcsafe python ") as scratch:
        os.chdir(scratch)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        os.chdir("/")
    ran = result.testsRun - len(result.skipped)
    print(f"{ran} tests, {len(result.skipped)} skipped, {len(EXCLUDED)} left out")
    if test_mmap is None:
        sys.exit(77 if result.wasSuccessful() else 1)
    # Those for Windows are skipped.
    sys.exit(0 if result.wasSuccessful() and ran > 35 else 1)


if __name__ == "__main__":
    main()
