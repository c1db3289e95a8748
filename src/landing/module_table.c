/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module_table.c - look an instruction up in the rows of registered modules
 *
 * Runs in the signal handler. Calls nothing.
 *
 * The loads are acquire and the stores of module.c release or stronger, so that the second look at
 * the version cannot come before what it is to vouch for.
 */
#include "module_table.h"

struct mcsafe__module_block mcsafe__modules;
_Atomic size_t mcsafe__modules_end;

#define ACQUIRE(object) atomic_load_explicit(&(object), memory_order_acquire)

static int search(const struct mcsafe__module_row *rows, size_t n, uintptr_t ip,
		  struct mcsafe__module_hit *hit)
{
	size_t first = 0, end = n;

	while (first < end) {
		size_t mid = first + (end - first) / 2;
		uintptr_t insn = ACQUIRE(rows[mid].insn);

		if (insn == ip) {
			hit->fixup = ACQUIRE(rows[mid].fixup);
			hit->kind = (unsigned)ACQUIRE(rows[mid].kind);
			return 1;
		}
		if (insn < ip)
			first = mid + 1;
		else
			end = mid;
	}
	return 0;
}

/* A module that changes while it is looked at is not this one's: the code of a module that comes
 * or goes is not run. So there is nothing to try again. */
static int find_in(struct mcsafe__module *module, uintptr_t ip, struct mcsafe__module_hit *hit)
{
	size_t version = ACQUIRE(module->version), n;
	struct mcsafe__module_row *rows;

	if (version % 2 != 0)
		return 0;
	if (ip < ACQUIRE(module->lowest) || ip > ACQUIRE(module->highest))
		return 0;
	rows = ACQUIRE(module->rows);
	n = ACQUIRE(module->n);
	/* Rows and number must belong together before they are used. */
	if (ACQUIRE(module->version) != version || !search(rows, n, ip, hit))
		return 0;
	return ACQUIRE(module->version) == version;
}

static int find_in_block(struct mcsafe__module_block *block, size_t n, uintptr_t ip,
			 struct mcsafe__module_hit *hit)
{
	for (size_t i = 0; i < n; i++)
		if (find_in(&block->modules[i], ip, hit))
			return 1;
	return 0;
}

/* A place is counted after its block was linked: there are blocks for all places up to the end. */
int mcsafe__module_find(uintptr_t ip, struct mcsafe__module_hit *hit)
{
	struct mcsafe__module_block *block = &mcsafe__modules;
	size_t left = ACQUIRE(mcsafe__modules_end);

	for (; left > MCSAFE__MODULES_IN_BLOCK; left -= MCSAFE__MODULES_IN_BLOCK) {
		if (find_in_block(block, MCSAFE__MODULES_IN_BLOCK, ip, hit))
			return 1;
		block = ACQUIRE(block->next);
	}
	return find_in_block(block, left, ip, hit);
}
