/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_ndctl.h - how the stand-in for libndctl behaves; the symbol "fake_ndctl" of the library */
#ifndef MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H
#define MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H

struct fake_ndctl {
	/* What the test sets. All of it is 0 if the firmware cannot be asked at all. */
	unsigned long commands;       /* 1 << ND_CMD_...: what the bus of region1 supports */
	unsigned unit;                /* in which the firmware clears */
	int no_commands;              /* as without memory */
	int submit_cap, submit_clear; /* what ndctl_cmd_submit() returns */
	unsigned status_cap, status_clear;
	unsigned long long most;  /* bytes that are cleared at once */
	unsigned long long worn;  /* from this address on nothing is */
	unsigned long long extra; /* bytes that it says it has cleared beyond that */
	/* What has come of it. */
	unsigned long long cap_address, cap_len;
	unsigned long long cleared_to; /* up to here, without a gap, from cap_address on */
	unsigned clears;
	unsigned live; /* contexts and commands that were not given back */
	int log_priority;
};

#endif /* MCSAFE_TESTS_BADBLOCKS_FAKE_NDCTL_H */
