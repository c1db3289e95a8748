# SPDX-License-Identifier: BSD-3-Clause
"""Map files, and get an error where mmap would kill the process.

mmap        what mmap.mmap can, with FaultError where that dies; `import mcsafe as mmap` works
FaultError  an OSError that says which file failed, at which offset and why
copy        copy between buffers, one of which may fail
salvage     read what can be read of a buffer, and list the holes
explain     say why a byte cannot be read
Pmem        pread and pwrite for persistent memory and other mapped files
install     take SIGBUS and SIGSEGV over again, after other code has installed handlers

The module mcsafe.inject makes memory fail on purpose, for tests. It is imported on its own.
"""

import mmap as _mmap

from ._mcsafe import FaultError, Pmem, __version__, copy, explain, install, mmap, salvage

# The constants that the module mmap has in this version of Python, and its name for OSError.
_CONSTANTS = {name: value for name, value in vars(_mmap).items() if name.isupper()}
globals().update(_CONSTANTS)
error = OSError

__all__ = [
    "FaultError",
    "Pmem",
    "copy",
    "error",
    "explain",
    "install",
    "mmap",
    "salvage",
    *_CONSTANTS,
]
