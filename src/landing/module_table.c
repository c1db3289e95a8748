/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module_table.c - find an instruction in the rows of registered modules
 *
 * Runs in the signal handler. Calls nothing.
 *
 * A reader loads the version, then the contents, then the version again. All loads are acquire, and
 * the stores of module.c are release or stronger. So the second load of the version cannot come
 * before the loads of the contents that it confirms.
 */
#include "module_table.h"

struct mcsafe__module_block mcsafe__modules;
_Atomic size_t mcsafe__modules_end;

#define ACQUIRE(object) atomic_load_explicit(&(object), memory_order_acquire)

static bool search(const struct mcsafe__module_row *rows, size_t n, uintptr_t ip,
		   struct mcsafe__module_hit *hit)
{
	size_t first = 0, end = n;

	while (first < end) {
		size_t mid = first + (end - first) / 2;
		uintptr_t insn = ACQUIRE(rows[mid].insn);

		if (insn == ip) {
			hit->fixup = ACQUIRE(rows[mid].fixup);
			hit->kind = (unsigned)ACQUIRE(rows[mid].kind);
			return true;
		}
		if (insn < ip)
			first = mid + 1;
		else
			end = mid;
	}
	return false;
}

/*
 * If the version changed, the instruction does not belong to this module: no thread runs the code
 * of a module that is being registered or unregistered. So there is no need to try again.
 */
static bool find_in(struct mcsafe__module *module, uintptr_t ip, struct mcsafe__module_hit *hit)
{
	size_t version = ACQUIRE(module->version), n;
	struct mcsafe__module_row *rows;

	if (version % 2 != 0)
		return false;
	if (ip < ACQUIRE(module->lowest) || ip > ACQUIRE(module->highest))
		return false;
	rows = ACQUIRE(module->rows);
	n = ACQUIRE(module->n);
	/* The rows and their number must belong together before they are used. */
	if (ACQUIRE(module->version) != version || !search(rows, n, ip, hit))
		return false;
	return ACQUIRE(module->version) == version;
}

static bool find_in_block(struct mcsafe__module_block *block, size_t n, uintptr_t ip,
			  struct mcsafe__module_hit *hit)
{
	for (size_t i = 0; i < n; i++)
		if (find_in(&block->modules[i], ip, hit))
			return true;
	return false;
}

/* A place is counted after its block was linked: there are blocks for all places up to the end. */
bool mcsafe__module_find(uintptr_t ip, struct mcsafe__module_hit *hit)
{
	struct mcsafe__module_block *block = &mcsafe__modules;
	size_t left = ACQUIRE(mcsafe__modules_end);

	for (; left > MCSAFE__MODULES_IN_BLOCK; left -= MCSAFE__MODULES_IN_BLOCK) {
		if (find_in_block(block, MCSAFE__MODULES_IN_BLOCK, ip, hit))
			return true;
		block = ACQUIRE(block->next);
	}
	return find_in_block(block, left, ip, hit);
}
