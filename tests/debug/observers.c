/* SPDX-License-Identifier: BSD-3-Clause */
/* observers.c - functions that run between two instructions of a routine */
#include "observers.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "basics.h"

void record_access(void *recording, unsigned kind, uintptr_t addr, size_t size, uintptr_t ip)
{
	struct recording *it = recording;
	struct access *access;

	if (!(kind & it->kinds))
		return;
	if (it->n == sizeof(it->accesses) / sizeof(it->accesses[0])) {
		it->is_full = true;
		return;
	}
	access = &it->accesses[it->n++];
	access->kind = kind;
	access->addr = addr;
	access->size = size;
	access->ip = ip;
	if (it->n == it->lose_after)
		mcsafe_inject_dst((const void *)it->lost);
}

/* This does not call mprotect(): a sanitizer replaces that function. */
void take_page_away(void *departure, unsigned kind, uintptr_t addr, size_t size, uintptr_t ip)
{
	struct departure *it = departure;

	(void)kind;
	(void)size;
	(void)ip;
	if (it->accesses++ == it->last &&
	    syscall(SYS_mprotect, addr & ~(uintptr_t)(T_PAGE - 1), (size_t)T_PAGE, PROT_NONE) != 0)
		it->error = errno;
}
