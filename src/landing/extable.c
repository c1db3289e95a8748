/* SPDX-License-Identifier: BSD-3-Clause */
/* extable.c - find an instruction in the landing table */
#include "extable.h"

#include <stddef.h>

/* The linker defines these symbols for each section whose name is a C identifier (ld manual, "Input
 * Section Example"). They are hidden because each module has a table of its own. */
extern const struct mcsafe_row __start_mcsafe_extable[] __attribute__((visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_extable[] __attribute__((visibility("hidden")));

void mcsafe__extable_own(const struct mcsafe_row **first, const struct mcsafe_row **end)
{
	*first = __start_mcsafe_extable;
	*end = __stop_mcsafe_extable;
}

/*
 * The rows ascend. Each assembly file writes its rows in the order of its instructions. The section
 * is linked to .text (SHF_LINK_ORDER), so the linker puts the rows of the files in the order of
 * their code. The test "objects.rows" checks the result in every library that we build.
 */
const struct mcsafe_row *mcsafe__extable_search(const struct mcsafe_row *first,
						const struct mcsafe_row *end, uintptr_t ip)
{
	while (first < end) {
		const struct mcsafe_row *mid = first + (end - first) / 2;
		uintptr_t insn = mcsafe__row_insn(mid);

		if (insn == ip)
			return mid;
		if (insn < ip)
			first = mid + 1;
		else
			end = mid;
	}
	return NULL;
}

const struct mcsafe_row *mcsafe__extable_find(uintptr_t ip)
{
	return mcsafe__extable_search(__start_mcsafe_extable, __stop_mcsafe_extable, ip);
}
