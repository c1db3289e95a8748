# SPDX-License-Identifier: BSD-3-Clause
"""test_stack.py - no function of the library needs much stack.

A thread may have no more than PTHREAD_STACK_MIN, 16 KiB. That must suffice for a function, all that
it calls, the signal frame of a fault, and the handler. The compiler writes what each function needs
(-fstack-usage). pmem.small_stack calls the functions with such a stack.
"""

import unittest
from pathlib import Path

import built

# A page as a buffer, and what is beside it.
LIMIT = 4608


def usage(path: Path) -> list[tuple[str, int, str]]:
    """Return the functions of a file: name, bytes of stack, and how they are counted."""
    found = []
    for line in path.read_text().splitlines():
        place, size, kind = line.split("\t")
        found.append((place.rsplit(":", 1)[1], int(size), kind))
    return found


class Stack(unittest.TestCase):
    """What the compiler says about all objects of the library."""

    def test_no_function_needs_much_stack(self) -> None:
        """No buffer is larger than a page, and none has a size that only the caller knows."""
        functions = []
        for path in built.paths("MCSAFE_OBJECTS"):
            # A file that has only data may have none.
            if path.with_suffix(".su").exists():
                functions += usage(path.with_suffix(".su"))
        self.assertGreater(len(functions), 200)
        functions.sort(key=lambda function: -function[1])
        for name, size, kind in functions[:10]:
            print(f"{size:6} {name} ({kind})")
        self.assertLessEqual(functions[0][1], LIMIT, functions[0][0])
        unbounded = [name for name, _, kind in functions if kind == "dynamic"]
        self.assertEqual(unbounded, [])


if __name__ == "__main__":
    unittest.main()
