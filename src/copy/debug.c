/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * debug.c - decide whether an access of an engine shall fail
 *
 * Runs between two instructions of an engine, so it is compiled with -mgeneral-regs-only: the
 * vector registers hold the engine's data.
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
#include "landing/landing.h"

#define LINE_SIZE 64

/* An access fails if it ends above the address of its side. UINTPTR_MAX: none does. */
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
 * The kernel would take this page away, by reverse mapping, and report its start. Not by
 * mprotect(): a sanitizer has one of its own, which uses vector registers.
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

	if (poison == NULL || end <= poison->line || addr >= poison->line + LINE_SIZE)
		return go_on;
	if (poison->consumed != 0) {
		poison->again++;
		return go_on; /* into the page that is gone: a real fault follows */
	}
	poison->consumed++;
	return lose(poison);
}

static struct mcsafe__debug_verdict injected(unsigned kind, uintptr_t addr, uintptr_t end)
{
	uintptr_t from = atomic_load(kind == MCSAFE_ROW_LOAD ? &inject_src : &inject_dst);

	if (end <= from)
		return go_on;
	return (struct mcsafe__debug_verdict){mcsafe__facts_pack(SIGBUS, BUS_MCEERR_AR, 12, kind),
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
