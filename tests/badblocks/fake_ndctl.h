/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_ndctl.h - how the stand-in for libndctl behaves; the symbol "fake_ndctl" of the library */
#ifndef MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H
#define MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H

struct fake_ndctl {
	/* The test sets these. If all are 0, the firmware cannot be asked at all. */
	unsigned long commands;        /* 1 << ND_CMD_...: what the bus of region1 supports */
	unsigned unit;                 /* the unit in which the firmware clears */
	int no_commands;               /* fail as if there was no memory */
	int no_clear_commands;         /* only those that clear */
	int new_context;               /* what ndctl_new() returns, if not 0 */
	unsigned long long bad_offset; /* of the first bad block of region1, if not 0 */
	int submit_cap, submit_clear;  /* what ndctl_cmd_submit() returns */
	unsigned status_cap, status_clear;
	unsigned long long most;  /* the most bytes that one command clears */
	unsigned long long worn;  /* nothing is cleared from this address on */
	unsigned long long extra; /* bytes that are reported as cleared, but are not */
	/* The stand-in records these. */
	unsigned long long cap_address, cap_len;
	unsigned long long cleared_to; /* cleared from cap_address to here, without a gap */
	unsigned clears;
	unsigned live; /* contexts and commands that were not freed */
	int log_priority;
};

#endif /* MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H */
