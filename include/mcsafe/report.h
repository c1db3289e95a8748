/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - a readable report before an unrecovered fault kills the process */
#ifndef MCSAFE_REPORT_H
#define MCSAFE_REPORT_H

#include <mcsafe/compiler.h>

#include <stddef.h>

MCSAFE_BEGIN_DECLS

/** Flags of mcsafe_set_report(). */
enum mcsafe_report_flag {
	/** Leave out the backtrace, which is the part that takes long. */
	MCSAFE_REPORT_NO_BACKTRACE = 1
};

/**
 * Write a report when a SIGBUS or SIGSEGV that nobody handles is about to kill the process.
 *
 * A signal is reported if it is not libmcsafe's and the previous action lets it kill. That is the
 * case if the previous action is SIG_DFL, or SIG_IGN for a fault that the kernel raised, or a
 * handler with SA_RESETHAND that has already run. mcsafe_install() must have been called. The
 * report has one line each for: cause, address, extent of the loss, mapping with the file and the
 * offset in it, instruction, thread, and reason. The reason is that of mcsafe_explain(), and is
 * left out if it is not known. Where /proc cannot be read, a mapping is "unknown". Names of files,
 * threads and functions come from outside: bytes of them that are neither printable ASCII nor
 * visible characters in UTF-8 are written as \xNN. If the library was built with libunwind, a
 * backtrace from the interrupted code follows.
 *
 * The process dies as it would have died without the report: of the same signal, with the same
 * siginfo, registers and core. A child process writes the report. The child is a copy of this
 * process and shares only the file with it. The dying thread waits for the child, for at most two
 * seconds. A lock that is held, damaged memory or a pipe that nobody reads can therefore cut the
 * report short, but cannot stop the process from dying. Other threads continue meanwhile.
 *
 * @param fd     The file descriptor to write to; -1: no reports, which is the initial state. The
 *               library keeps a duplicate, from 3 on, so fd may be closed. If the program closes
 *               the duplicate, and its number comes to refer to another file, no report is written,
 *               and no later call touches that file. A number that the program has opened again for
 *               the same file, with FD_CLOEXEC, cannot be told from the duplicate.
 * @param flags  0, or a sum of enum mcsafe_report_flag.
 *
 * @return       0        Done.
 *               -EINVAL  flags contains an unknown flag.
 *               -EBADF   fd is not open for writing.
 *               -ENOMEM, -EMFILE, ... There is no memory, or no descriptor for the duplicate.
 *               After an error nothing was changed.
 *
 * @par Locks    A later call closes the duplicate. As each close(2), that releases the record locks
 *               (F_SETLK of fcntl(2)) that the process holds on the file. Let reports go to a file
 *               on which the program holds none.
 * @par libunwind
 *               If the library was built with it, libunwind makes a pipe when it is used first, and
 *               keeps it. If the program closes it, mcsafe_backtrace() may read and write the files
 *               that get its numbers. A report does not.
 *
 * @par Once     Only the first fault of a process is reported. A fault of another thread during the
 *               report waits for it. A child of vfork(2) is a process of its own.
 * @par None     No report is written if no process can be created (RLIMIT_NPROC, no memory). Nor is
 *               one written if the kernel kills without running a handler: the signal was blocked,
 *               or the stack was full and there was no alternate stack (mcsafe_thread_check()).
 * @par Safety   MT-Safe. Not AS-Safe. Not a cancellation point. errno is unchanged.
 * @since 0.1    @see mcsafe_backtrace(), mcsafe_install()
 */
MCSAFE_API int mcsafe_set_report(int fd, unsigned flags) MCSAFE_NOEXCEPT;

/**
 * Walk the stack of interrupted code.
 *
 * @param[in]  ctx     The third argument of a signal handler, a ucontext_t.
 * @param[out] frames  Receives the addresses: first the interrupted instruction, then the return
 *                     address of each caller.
 * @param      n       The number of elements of frames.
 *
 * @return             The number of addresses written, 0..n; or -ENOSYS: the library was built
 *                     without libunwind.
 *
 * @par Safety         MT-Safe. Not AS-Safe. In a signal handler, the function is as safe as
 *                     libunwind: it may wait for the lock of the dynamic loader
 *                     (dl_iterate_phdr(3)), and may read a damaged stack. A host that cannot accept
 *                     that can call the function in a child process, as mcsafe_set_report() does.
 *                     libunwind allocates memory on its first use. Therefore call this function or
 *                     mcsafe_set_report() once before the first signal. errno is unchanged.
 * @par Bad calls      If the interrupted instruction cannot be read, because the thread has called
 *                     through a bad pointer, the function finds that out by a protected read. In a
 *                     handler, that read needs mcsafe_install(), and SIGSEGV and SIGBUS must not be
 *                     blocked: install the handler with SA_NODEFER. Otherwise the process dies.
 * @since 0.1          @see mcsafe_set_report()
 */
MCSAFE_API int mcsafe_backtrace(const void *ctx, void **frames, size_t n) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_REPORT_H */
