/* SPDX-License-Identifier: BSD-3-Clause */
/* device_repair.c - the repair of a device-dax node while another process has the node mapped */
#include "lab.h"
#include "landing/landing.h"

#include <stdio.h>
#include <string.h>

static void meet(const struct lab_target *target)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	unsigned char contents[LINE];

	lab_arm("load", "page", target, 1, insns, n);
	lab_check(memcpy_mcsafe(contents, target->at, LINE) == LINE, "poison can be read");
	lab_check(lab_disarm().injected == 1, "no machine check");
	lab_wait_bad_blocks(target->physical);
}

/* A page was injected or met. Somebody else repairs it, then we repair it through our mapping. */
static void repair(const char *when, const struct lab_mapping *mapping, size_t page)
{
	char key[64];

	lab_with_ndctl("repair '%s' %zu", when, page);
	snprintf(key, sizeof(key), "%s: another mapping after it", when);
	lab_fact(key, "%s", lab_outcome(mapping->base + page, page, T_PAGE));
}

int lab_program_device_repair(int argc, char **argv)
{
	const size_t page = LAB_MAPPING_LINE - LAB_MAPPING_LINE % T_PAGE,
		     other = page + 64 * T_PAGE;
	struct lab_mapping mapping;
	struct lab_target target;
	uint64_t start;

	(void)argc;
	(void)argv;
	lab_need_with_ndctl();
	mapping = lab_mapping("devdax");
	target = lab_target(mapping.base + LAB_MAPPING_LINE);
	start = lab_physical(mapping.base);
	lab_install();
	lab_kernel_log("");
	lab_inject(lab_physical(mapping.base + other) + 2 * LAB_SECTOR, 3);
	repair("injected", &mapping, other);
	meet(&target);
	repair("met", &mapping, page);
	/* The kernel still considers the page lost. */
	meet(&target);
	repair("met again", &mapping, page);

	lab_inject(LAB_WORN - 2 * T_PAGE, 1);
	lab_inject(LAB_WORN + T_PAGE, 1);
	lab_with_ndctl("worn 'worn out' %zu", (size_t)(LAB_WORN - 2 * T_PAGE - start));
	lab_kernel_log("");
	lab_take_back(LAB_WORN + T_PAGE, 1); /* so that the next scenario finds no bad block */
	return lab_status();
}
