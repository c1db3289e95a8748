/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - one readable report before a fault that nobody claims kills the process */
#ifndef MCSAFE_REPORT_H
#define MCSAFE_REPORT_H

#include <stddef.h>

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/** Flags of mcsafe_set_report(). */
enum mcsafe_report_flag {
	/** No backtrace, which is the part that takes long. */
	MCSAFE_REPORT_NO_BACKTRACE = 1
};

/**
 * Write a report when a SIGBUS or SIGSEGV that nobody claims is about to kill the process.
 *
 * That is: it is no access of libmcsafe, and the previous action is SIG_DFL (or SIG_IGN, and the
 * kernel raised it, or a handler that was good for one signal only). Needs mcsafe_install(). One
 * line each: cause, address, extent of the loss, the mapping with the file and the offset in it,
 * the instruction, the thread, and, if the library was built with libunwind, a backtrace from the
 * interrupted code.
 *
 * The process dies as it would have died without the report: of the same signal, with the same
 * siginfo, registers and core. The report is written by a child process (a copy of this one, which
 * shares nothing with it but the file) while the thread that is about to die waits, for two seconds
 * at most: so a lock that somebody holds, damaged memory, or a pipe that nobody reads, can cut the
 * report short, but not stop the process from dying. Other threads go on meanwhile.
 *
 * @param fd     Where to write; -1: no reports, which is how a program begins. The library keeps a
 *               duplicate, so fd may be closed. If somebody closes the duplicate and its number
 *               comes to mean another file, no report is written.
 * @param flags  0, or a sum of enum mcsafe_report_flag.
 *
 * @return       0        done.
 *               -EINVAL  a flag that is not known.
 *               -EBADF   fd is not open for writing.
 *               -ENOMEM, -EMFILE, ... no memory or no descriptor for it. Nothing was changed.
 *
 * @par Once     The first fault is reported. One that comes meanwhile in another thread waits.
 * @par None     is written where no process can be made (RLIMIT_NPROC, no memory), or where the
 *               kernel kills without a signal that can be caught: the signal was blocked, or there
 *               was no stack left and no alternate stack (mcsafe_thread_check()).
 * @par Safety   MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_backtrace(), mcsafe_install()
 */
MCSAFE_API int mcsafe_set_report(int fd, unsigned flags) MCSAFE_NOEXCEPT;

/**
 * Walk the stack of interrupted code.
 *
 * @param[in]  ctx     The third argument of a signal handler, a ucontext_t.
 * @param[out] frames  Receives the addresses: first the interrupted instruction, then the return
 *                     address of each caller.
 * @param      n       Room in frames.
 *
 * @return             How many were written, 0..n; or -ENOSYS: the library was built without
 *                     libunwind.
 *
 * @par Safety         MT-Safe. Not AS-Safe. In a signal handler it is as safe as libunwind is: the
 *                     loader's lock may be waited for (dl_iterate_phdr(3)), and damaged stacks may be read. A
 *                     host that cannot afford that calls it in a child, as mcsafe_set_report() does.
 *                     Call it once, or mcsafe_set_report(), before the first signal: libunwind
 *                     allocates when it is used for the first time. errno is left alone.
 * @since 0.1          @see mcsafe_set_report()
 */
MCSAFE_API int mcsafe_backtrace(const void *ctx, void **frames, size_t n) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_REPORT_H */
