/* SPDX-License-Identifier: BSD-3-Clause */
/* fault_copy.c - a copy of the library that the benchmark opens, and that hides everything else */
#include "fault_copy.h"

const struct fault_copy fault_copy = {
	.install = mcsafe_install,
	.copy = mcsafe_memcpy,
	.count = mcsafe_stats_get,
};
