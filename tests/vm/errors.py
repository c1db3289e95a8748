# SPDX-License-Identifier: BSD-3-Clause
"""errors.py - the ways in which a run can fail to give a result."""


class Unavailable(Exception):
    """This host lacks something that a guest is made of. The test is then skipped."""


class GuestFailure(Exception):
    """The guest itself failed: it hung, panicked, or gave no result."""


class KernelTrouble(GuestFailure):
    """The guest's kernel reported the failure, so that another try would fail the same way."""
