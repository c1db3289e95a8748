# SPDX-License-Identifier: BSD-3-Clause
"""errors.py - the two ways in which a run can come to nothing."""


class Unavailable(Exception):
    """Something a guest is made of cannot be had on this host: a reason to skip."""


class GuestFailure(Exception):
    """The guest itself went wrong: it hung, panicked, or gave no result."""
