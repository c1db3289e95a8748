/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mcsafe.h - libmcsafe: memcpy for memory that can fail
 *
 * A load from mapped memory that is poisoned (a machine check), truncated, unmapped or protected
 * kills the process with SIGBUS or SIGSEGV. The copies of this library stop instead. They say how
 * many bytes are missing, which side failed, why, and how many bytes are lost around the fault:
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
 * Call mcsafe_install() once, early in the program. A library should leave this call to its host.
 *
 *	copy.h      copies and fills
 *	access.h    single words, inline
 *	scan.h      strnlen, memchr, memcmp
 *	iter.h      scatter and gather: copies to and from lists of segments
 *	guard.h     regions of ordinary code that may fault
 *	shield.h    stand-in pages for code that cannot be left
 *	pmem.h      mapped files and devices that fail like files
 *	fault.h     what a recovered fault was
 *	explain.h   what a fault record means: which file, which offset, why
 *	handler.h   the signal handler that every recovery needs
 *	notice.h    notices of memory that was lost elsewhere
 *	report.h    a report before an unrecovered fault kills the process
 *	badblocks.h which ranges are known to be bad
 *	scrub.h     find bad memory before it is needed
 *	engine.h    which assembly routines do the copies
 *	extable.h   rows for accesses outside libmcsafe
 *
 * Limits:
 *   - The library recovers only its own accesses, code in a guard (guard.h), and code that reads
 *     memory of a shield (shield.h). A fault in any other code goes to the previous handler, or
 *     kills the process as before.
 *   - SIGBUS and SIGSEGV must not be blocked in the thread that copies: the kernel kills a process
 *     for a fault whose signal is blocked.
 *   - The kernel decides whether a machine check can be survived. If it panics, or sends SIGKILL,
 *     no library can help.
 *   - If a page of the page cache is poisoned and not modified, the kernel repairs it without a
 *     signal.
 *   - System calls do not raise these signals: read(2) into a bad buffer returns EFAULT.
 *
 * Control functions return 0 or a negative errno value, and leave errno unchanged. The name of
 * every exported function begins with mcsafe_, except memcpy_mcsafe() and copy_to_iter_mcsafe(),
 * which keep the kernel's names.
 */
#ifndef MCSAFE_MCSAFE_H
#define MCSAFE_MCSAFE_H

#include <mcsafe/compiler.h>

#ifndef MCSAFE_REFUSED_
# include <mcsafe/access.h>
# include <mcsafe/badblocks.h>
# include <mcsafe/copy.h>
# include <mcsafe/engine.h>
# include <mcsafe/explain.h>
# include <mcsafe/extable.h>
# include <mcsafe/fault.h>
# include <mcsafe/guard.h>
# include <mcsafe/handler.h>
# include <mcsafe/iter.h>
# include <mcsafe/notice.h>
# include <mcsafe/pmem.h>
# include <mcsafe/report.h>
# include <mcsafe/scan.h>
# include <mcsafe/scrub.h>
# include <mcsafe/shield.h>
# include <mcsafe/stats.h>
# include <mcsafe/version.h>
#endif

#endif /* MCSAFE_MCSAFE_H */
