/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * debug.c - decide whether an access of a routine must fail
 *
 * It runs between two instructions of the routine, whose data is in vector registers. So it is
 * compiled with -mgeneral-regs-only.
 */
#include "debug.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "base/errno_kept.h"
#include "base/page.h"
#include "landing/landing.h"

/* An access fails if it ends past the address of its side. UINTPTR_MAX: no access fails. */
static _Atomic uintptr_t inject_src = UINTPTR_MAX;
static _Atomic uintptr_t inject_dst = UINTPTR_MAX;

static struct mcsafe__debug_poison *_Atomic poisoned;

static mcsafe__debug_observer _Atomic observer;
static void *_Atomic observer_arg;

void mcsafe_inject_src(const void *addr)
{
	atomic_store(&inject_src, addr != NULL ? (uintptr_t)addr : UINTPTR_MAX);
}

void mcsafe_inject_dst(const void *addr)
{
	atomic_store(&inject_dst, addr != NULL ? (uintptr_t)addr : UINTPTR_MAX);
}

void mcsafe__debug_poison(struct mcsafe__debug_poison *poison)
{
	atomic_store(&poisoned, poison);
}

void mcsafe__debug_observe(mcsafe__debug_observer observe, void *arg)
{
	atomic_store(&observer, NULL);
	atomic_store(&observer_arg, arg);
	atomic_store(&observer, observe);
}

static const struct mcsafe__debug_verdict go_on = {0, 0};

/*
 * Make the page of the poison inaccessible, as the kernel would do, and report its start, as the
 * kernel would do. This does not call mprotect(): a sanitizer replaces that function by one that
 * uses vector registers.
 */
static struct mcsafe__debug_verdict lose(const struct mcsafe__debug_poison *poison)
{
	uintptr_t page = poison->line & ~(((uintptr_t)1 << poison->lsb) - 1);
	MCSAFE__KEEP_ERRNO();

	syscall(SYS_mprotect, page, (size_t)1 << poison->lsb, PROT_NONE);
	return (struct mcsafe__debug_verdict){
		mcsafe__facts_pack(SIGBUS, BUS_MCEERR_AR, poison->lsb, MCSAFE_ROW_LOAD), page};
}

static struct mcsafe__debug_verdict load_of_poison(uintptr_t addr, uintptr_t end)
{
	struct mcsafe__debug_poison *poison = atomic_load(&poisoned);

	if (poison == NULL || end <= poison->line || addr >= poison->line + MCSAFE__LINE)
		return go_on;
	if (poison->consumed != 0) {
		poison->again++;
		return go_on; /* the page is inaccessible: a real fault follows */
	}
	poison->consumed++;
	return lose(poison);
}

static struct mcsafe__debug_verdict injected(unsigned kind, uintptr_t addr, uintptr_t end)
{
	uintptr_t from = atomic_load(kind == MCSAFE_ROW_LOAD ? &inject_src : &inject_dst);

	if (end <= from)
		return go_on;
	return (struct mcsafe__debug_verdict){
		mcsafe__facts_pack(SIGBUS, BUS_MCEERR_AR, MCSAFE__PAGE_SHIFT, kind),
		addr > from ? addr : from};
}

struct mcsafe__debug_verdict mcsafe__debug_check(uintptr_t addr, uintptr_t ip, uint32_t access)
{
	unsigned kind = access >> 16;
	uintptr_t end = addr + (access & 0xffff);
	mcsafe__debug_observer observe = atomic_load(&observer);
	struct mcsafe__debug_verdict verdict = injected(kind, addr, end);

	if (observe != NULL)
		observe(atomic_load(&observer_arg), kind, addr, end - addr, ip);
	if (verdict.facts == 0 && kind == MCSAFE_ROW_LOAD)
		verdict = load_of_poison(addr, end);
	return verdict;
}
