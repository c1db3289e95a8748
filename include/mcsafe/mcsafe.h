/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mcsafe.h - libmcsafe: memcpy for memory that can fail
 *
 * A load from mapped memory that is poisoned (a machine check), truncated, unmapped or protected
 * kills the process with SIGBUS or SIGSEGV. The copies declared here stop instead, and say how
 * many bytes are missing, which side failed, why, and how far the damage reaches:
 *
 *	#include <stdio.h>
 *	#include <mcsafe/mcsafe.h>
 *
 *	int read_record(char *buf, const char *mapped, size_t n)
 *	{
 *		struct mcsafe_fault fault;
 *		size_t left = mcsafe_memcpy(buf, mapped, n, &fault);
 *
 *		if (left != 0)
 *			fprintf(stderr, "%zu of %zu bytes lost at %p: %s\n", left, n, fault.addr,
 *				mcsafe_cause_name(fault.cause));
 *		return left != 0 ? -mcsafe_fault_errno(&fault) : 0;
 *	}
 *
 * Call mcsafe_install() once, early, in the program: a library never installs itself.
 *
 *	access.h    single words, inline
 *	fault.h     what a recovered fault was
 *	handler.h   the signal handler behind it
 *	notice.h    notices of memory that was lost elsewhere
 *	copy.h      the copies
 *	engine.h    which engine does them
 *	iter.h      scatter and gather: copies to and from lists of segments
 *	guard.h     regions of ordinary code that may fault
 *	extable.h   rows for accesses of your own
 *	report.h    a report before a fault kills
 *	scan.h      strnlen, memchr, memcmp
 *
 * Caveats, that is, what recovery cannot do:
 *   - Only the accesses of this library are recovered, and what a guard names (guard.h). A fault in
 *     any other code is passed on to the handler that was there before, or kills as it always did.
 *   - SIGBUS and SIGSEGV must be unblocked in the thread that copies: the kernel kills a process
 *     whose fault it cannot deliver.
 *   - The kernel decides whether a machine check can be survived at all. Where it panics, or sends
 *     SIGKILL, no library can help.
 *   - Poison in the page cache that is still clean is repaired by the kernel without any signal.
 *   - System calls do not raise these signals: read(2) into a bad buffer returns EFAULT.
 *
 * Control functions return 0 or a negative errno value and leave errno alone. Every function that
 * is exported begins with mcsafe_, but for memcpy_mcsafe() and copy_to_iter_mcsafe(), which keep
 * the kernel's names.
 */
#ifndef MCSAFE_MCSAFE_H
#define MCSAFE_MCSAFE_H

#include <mcsafe/access.h>
#include <mcsafe/copy.h>
#include <mcsafe/engine.h>
#include <mcsafe/extable.h>
#include <mcsafe/fault.h>
#include <mcsafe/guard.h>
#include <mcsafe/handler.h>
#include <mcsafe/iter.h>
#include <mcsafe/notice.h>
#include <mcsafe/report.h>
#include <mcsafe/scan.h>
#include <mcsafe/version.h>

#endif /* MCSAFE_MCSAFE_H */
