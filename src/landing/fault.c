/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.c - from siginfo to struct mcsafe_fault; names and errno values of causes */
#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memcheck.h"
#include "base/msan.h"

static enum mcsafe_cause sigbus_cause(int code)
{
	switch (code) {
	case BUS_MCEERR_AR:
		return MCSAFE_CAUSE_POISON;
	case BUS_ADRERR:
	case BUS_OBJERR:
		return MCSAFE_CAUSE_IO;
	default:
		return MCSAFE_CAUSE_UNKNOWN;
	}
}

static enum mcsafe_cause sigsegv_cause(int code)
{
	switch (code) {
	case SEGV_MAPERR:
		return MCSAFE_CAUSE_UNMAPPED;
	case SEGV_ACCERR:
		return MCSAFE_CAUSE_PROTECTED;
	case SEGV_PKUERR:
		return MCSAFE_CAUSE_PKEY;
	case SI_KERNEL: /* #GP: the address is not canonical; the processor gives none */
		return MCSAFE_CAUSE_ADDRESS;
	default:
		return MCSAFE_CAUSE_UNKNOWN;
	}
}

static enum mcsafe_cause cause_of(int signo, int code)
{
	return signo == SIGBUS ? sigbus_cause(code) : sigsegv_cause(code);
}

/* sigaction(2): the lost range is si_addr rounded down to 1 << si_addr_lsb, of that length. */
static size_t extent_of(enum mcsafe_cause cause, unsigned lsb)
{
	if (cause != MCSAFE_CAUSE_POISON || lsb == 0 || lsb >= sizeof(size_t) * 8)
		return 0;
	return (size_t)1 << lsb;
}

enum mcsafe_cause mcsafe__facts_cause(uint64_t facts)
{
	return cause_of(mcsafe__facts_signo(facts), mcsafe__facts_code(facts));
}

/*
 * A page fault stops REP MOVSB at the very byte, a machine check may stop it before. With causes
 * POISON and UNKNOWN it can have been either; with the other causes it was no machine check.
 */
static unsigned flags_of(enum mcsafe_cause cause, uint64_t facts)
{
	bool is_memory_error = cause == MCSAFE_CAUSE_POISON || cause == MCSAFE_CAUSE_UNKNOWN;
	bool is_string_load = (facts & MCSAFE__FACTS_BY_MOVE) != 0 &&
			      mcsafe__facts_kind(facts) == MCSAFE_ROW_LOAD;

	return is_memory_error && is_string_load ? MCSAFE_FAULT_MAY_FALL_SHORT : 0;
}

/*
 * The handler has put the three values into registers of the interrupted code. When a handler
 * returns, valgrind takes the values of the registers from the context, but keeps what it knew of
 * the interrupted registers: whether they were initialized.
 */
static void know_landing(const struct mcsafe__landing *landing)
{
	mcsafe__memcheck_written(landing, sizeof(*landing));
}

MCSAFE__MSAN_CALLED_FROM_OUTSIDE void
mcsafe__fault_from_landing(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
			   const void *operand)
{
	uint64_t facts;

	know_landing(landing);
	facts = landing->facts;
	memset(fault, 0, sizeof(*fault));
	fault->signo = mcsafe__facts_signo(facts);
	fault->code = mcsafe__facts_code(facts);
	fault->cause = mcsafe__facts_cause(facts);
	fault->side = (enum mcsafe_side)mcsafe__facts_kind(facts);
	fault->addr = (void *)landing->addr;
	if (fault->cause == MCSAFE_CAUSE_ADDRESS)
		fault->addr = (void *)(uintptr_t)operand;
	fault->extent = extent_of(fault->cause, mcsafe__facts_lsb(facts));
	fault->ip = (void *)landing->ip;
	fault->flags = flags_of(fault->cause, facts);
}

MCSAFE__MSAN_CALLED_FROM_OUTSIDE enum mcsafe_cause
mcsafe__cause_from_landing(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
			   const void *operand)
{
	know_landing(landing);
	if (fault != NULL)
		mcsafe__fault_from_landing(fault, landing, operand);
	return mcsafe__facts_cause(landing->facts);
}

void mcsafe__fault_refused(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start)
{
	memset(fault, 0, sizeof(*fault));
	fault->cause = MCSAFE_CAUSE_ADDRESS;
	fault->side = side;
	fault->addr = (void *)(uintptr_t)start;
}

int mcsafe_fault_errno(const struct mcsafe_fault *fault)
{
	if (fault == NULL)
		return 0;
	switch (fault->cause) {
	case MCSAFE_CAUSE_NONE:
		return 0;
	case MCSAFE_CAUSE_POISON:
		return EHWPOISON;
	case MCSAFE_CAUSE_IO:
		return EIO;
	default:
		return EFAULT;
	}
}

const char *mcsafe_cause_name(enum mcsafe_cause cause)
{
	static const char *const names[] = {
		[MCSAFE_CAUSE_NONE] = "none",
		[MCSAFE_CAUSE_POISON] = "poison",
		[MCSAFE_CAUSE_IO] = "io",
		[MCSAFE_CAUSE_UNMAPPED] = "unmapped",
		[MCSAFE_CAUSE_PROTECTED] = "protected",
		[MCSAFE_CAUSE_PKEY] = "pkey",
		[MCSAFE_CAUSE_ADDRESS] = "address",
		[MCSAFE_CAUSE_UNKNOWN] = "unknown",
	};
	size_t i = (size_t)cause;

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : names[MCSAFE_CAUSE_UNKNOWN];
}
