/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - the lab's program in the guest: runs what one scenario asks for */
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off: one line for each */
static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} programs[] = {
	{"accesses", lab_program_accesses},
	{"chained", lab_program_chained},
	{"device-repair", lab_program_device_repair},
	{"flushcache", lab_program_flushcache},
	{"holes", lab_program_holes},
	{"injected", lab_program_injected},
	{"kind", lab_program_kind},
	{"known", lab_program_known},
	{"lists", lab_program_lists},
	{"noripv", lab_program_noripv},
	{"notice", lab_program_notice},
	{"notice-at-row", lab_program_notice_at_row},
	{"plain", lab_program_plain},
	{"pmem-crash", lab_program_pmem_crash},
	{"pmem-disk", lab_program_pmem_disk},
	{"pmem-files", lab_program_pmem_files},
	{"pmem-huge", lab_program_pmem_huge},
	{"pmem-injected", lab_program_pmem_injected},
	{"pmem-killed", lab_program_pmem_killed},
	{"pmem-worn", lab_program_pmem_worn},
	{"race", lab_program_race},
	{"rep-movs", lab_program_rep_movs},
	{"rep-movs-moved", lab_program_rep_movs_moved},
	{"repair", lab_program_repair},
	{"routines", lab_program_routines},
	{"rows", lab_program_rows},
	{"scrub", lab_program_scrub},
	{"shield", lab_program_shield},
	{"side-by-side", lab_program_side_by_side},
	{"strings", lab_program_strings},
	{"tool-copy", lab_program_tool_copy},
	{"tool-info", lab_program_tool_info},
	{"tool-scrub", lab_program_tool_scrub},
	{"twice", lab_program_twice},
	{"with-ndctl", lab_program_with_ndctl},
};
/* clang-format on */

int main(int argc, char **argv)
{
	if (!getenv("MCSAFE_GUEST")) {
		fprintf(stderr, "the lab takes memory out of service permanently: "
				"run it in a guest, see tests/vm/lab.py\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; argc > 1 && i < T_LENGTH(programs); i++)
		if (strcmp(programs[i].name, argv[1]) == 0)
			return programs[i].main(argc - 1, argv + 1);
	fprintf(stderr, "the lab has no program of this name\n");
	return EXIT_FAILURE;
}
