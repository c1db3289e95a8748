# SPDX-License-Identifier: BSD-3-Clause
"""errors.py - the ways in which a run can come to nothing."""


class Unavailable(Exception):
    """Something a guest is made of cannot be had on this host: a reason to skip."""


class GuestFailure(Exception):
    """The guest itself went wrong: it hung, panicked, or gave no result."""


class KernelTrouble(GuestFailure):
    """The guest's kernel has said so itself: another try would not be another chance."""
