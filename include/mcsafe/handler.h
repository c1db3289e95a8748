/* SPDX-License-Identifier: BSD-3-Clause */
/* handler.h - the signal handler that every recovery needs: install, query or call it */
#ifndef MCSAFE_HANDLER_H
#define MCSAFE_HANDLER_H

#include <mcsafe/compiler.h>

#include <signal.h>
#ifndef __siginfo_t_defined
/* In strict ISO C, <signal.h> does not declare siginfo_t. glibc declares it in this header. */
# include <bits/types/siginfo_t.h>
#endif

#include <mcsafe/notice.h>

MCSAFE_BEGIN_DECLS

/**
 * Install libmcsafe's handler for SIGBUS and SIGSEGV.
 *
 * Nothing is installed before this call, not even by a constructor. A signal goes to the previous
 * handler if it was not caused by an access of libmcsafe or by an access with a registered row
 * (extable.h), and no guard catches it (guard.h):
 *
 *   previous action     a fault that is not libmcsafe's,  a notice (BUS_MCEERR_AO) that
 *                       or a signal sent by kill(2)       memory was lost elsewhere
 *   a handler           called as the kernel would call   called in the same way
 *                       it, with its sa_mask,
 *                       SA_NODEFER, SA_RESETHAND and
 *                       SA_ONSTACK
 *   SIG_DFL             kills the process as the kernel   dropped: the process survives; a
 *                       would, with the true siginfo and  later access to the lost memory
 *                       registers; see Death              faults
 *   SIG_IGN             a fault: as for SIG_DFL, which    dropped
 *                       is what the kernel does;
 *                       a sent signal: dropped
 *
 * If the program asked for notices, they are recorded first; see mcsafe_on_notice().
 *
 * Calling this function again is harmless. If another handler was installed over libmcsafe's, the
 * call installs libmcsafe's again, with the other handler as the previous one. The other handler
 * may pass a signal on to libmcsafe's handler, or restore libmcsafe's handler and raise the signal
 * again. The signal then goes to the handler that was the previous one before the other handler. So
 * no loop can form.
 *
 * @return 0        libmcsafe's handler is installed for both signals, now or already.
 *         -EINVAL, -ENOTSUP
 *                  The environment variable MCSAFE_ENGINE names no engine (-EINVAL), or one that
 *                  this processor cannot run (-ENOTSUP); see mcsafe_engine_set(). A line on
 *                  standard error lists the names. Nothing was installed. Each call reads the
 *                  variable until one call has succeeded. Set-user-ID programs ignore the variable.
 *         -EPERM   Something in the process keeps one of the signals for itself, for example a
 *                  sanitizer with handle_segv=2 (docs/sanitizers.md). Both dispositions are
 *                  unchanged.
 *         -ENOSPC  More than 15 different previous handlers, or more than 32 different chains of
 *                  them, were found since the process started. Both dispositions are unchanged.
 *
 * @par Death       A fault of the process that nobody handles is left to the kernel: the handler
 *                  returns with the signal blocked in the thread, the instruction faults again, and
 *                  the kernel kills. That takes no system call but rt_sigreturn(2), so it works in
 *                  every sandbox. If the memory has become accessible meanwhile, the thread goes
 *                  on. The handler is still installed, but the signal is blocked in this thread:
 *                  mcsafe_thread_check() tells, mcsafe_thread_prepare() unblocks it, and until then
 *                  the next fault of the thread kills.
 *                  Other signals, which would not come again, are queued again with the default
 *                  action. If a seccomp(2) filter refuses a call that this needs with an error, the
 *                  process dies of the same signal at an instruction of the library, with %r11 as
 *                  the interrupted instruction.
 *                  The kernel does not log these deaths ("segfault at"), since it finds a handler.
 *                  mcsafe_set_report() writes more than the log.
 *                  The first process of a PID namespace ignores what is sent to it from inside, as
 *                  it would without libmcsafe (pid_namespaces(7)).
 * @par Copies      Several copies of the library may be in one process, for example plugins that
 *                  were linked with the archive. Each recovers its own accesses, and passes all
 *                  else on. Five copies know their own signals again. With more, a signal can go
 *                  round in circles if a handler that was installed over them passes it back.
 * @par Flags       SA_SIGINFO | SA_ONSTACK | SA_NODEFER with an empty mask; also SA_RESTART if the
 *                  previous action had it.
 * @par Stacks      libmcsafe's handler runs on the alternate stack. A previous handler without
 *                  SA_ONSTACK runs on the interrupted stack: the kernel's whole signal frame is
 *                  moved there first, so the alternate stack is free for the next signal. The
 *                  previous handler returns directly to the kernel, so shadow stacks stay in step.
 *                  If the interrupted stack cannot be written, the process dies of the signal, as
 *                  it would without libmcsafe. If a handler that was installed over libmcsafe's
 *                  calls libmcsafe's, all of them run on the stack of the outermost handler.
 * @par fork        A child inherits the handler, and may install and uninstall on its own.
 * @par vfork       A child that shares memory, made by vfork(2) or by clone(2) with CLONE_VM,
 *                  recovers from faults as its parent does. A signal that is not libmcsafe's goes
 *                  to the previous handler; without one, it kills only the child. The child must
 *                  not install or uninstall. With CLONE_SIGHAND, the child shares the dispositions
 *                  too: if it is killed by SIGBUS or SIGSEGV and the previous disposition was
 *                  SIG_DFL, the disposition becomes SIG_DFL in every process that shares it.
 *                  mcsafe_installed() then returns 0. Call mcsafe_install() again to recover.
 * @par execve      The new program starts with the default action for both signals, also after
 *                  posix_spawn(3). This is so even if the previous action was SIG_IGN, because the
 *                  kernel resets a signal that had a handler to SIG_DFL. To pass SIG_IGN on, call
 *                  mcsafe_uninstall() in a child of fork(2) before execve(2). The signal mask is
 *                  inherited.
 * @par Safety      MT-Safe, also against concurrent calls. Not AS-Safe. errno is unchanged.
 * @par Cost        Nine system calls.
 * @since 0.1       @see mcsafe_uninstall(), mcsafe_installed(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_install(void) MCSAFE_NOEXCEPT;

/**
 * Restore the previous actions of SIGBUS and SIGSEGV.
 *
 * Call this only if no thread is running a copy whose faults must still be recovered.
 *
 * @return 0        The previous actions are restored, or nothing was installed.
 *         -EBUSY   Another handler was installed over libmcsafe's for at least one of the two
 *                  signals. That handler may pass signals on to libmcsafe's, so both dispositions
 *                  are unchanged.
 *
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1       @see mcsafe_install()
 */
MCSAFE_API int mcsafe_uninstall(void) MCSAFE_NOEXCEPT;

/**
 * Ask the kernel whether libmcsafe's handler is installed.
 *
 * @return 1        It is the handler of both SIGBUS and SIGSEGV.
 *         0        It was not installed, or another handler was installed over it for at least one
 *                  of the two signals. In the second case, recovery depends on that handler passing
 *                  its signals on to libmcsafe's.
 *
 * @par Safety      MT-Safe, AS-Safe. errno is unchanged.
 * @par Cost        Two system calls.
 * @since 0.1       @see mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_installed(void) MCSAFE_NOEXCEPT;

/**
 * Handle a signal for a host that has its own signal handler.
 *
 * For programs that must keep the handlers of SIGBUS and SIGSEGV themselves, for example language
 * runtimes. Call this function first in the SA_SIGINFO handler. If it returns 1, return from the
 * handler at once. mcsafe_install() is then not needed. Set SA_ONSTACK, so that a fault is
 * recovered on a stack that is nearly full. SA_NODEFER is not needed.
 *
 * @param signo         The handler's first argument. For any signal except SIGBUS and SIGSEGV the
 *                      result is 0.
 * @param[in] si        The handler's second argument; not NULL.
 * @param[in,out] ctx   The handler's third argument, a ucontext_t; not NULL. Must be the original,
 *                      not a copy. If the result is 1 for a fault, its registers have been changed,
 *                      and recovery continues when the handler returns.
 *
 * @return 1            The signal was handled. It was a failed access of libmcsafe, a failed
 *                      access with a registered row (extable.h), a fault that a guard of this
 *                      thread caught (guard.h), or a fault in memory of a shield (shield.h). Or it
 *                      was a BUS_MCEERR_AO that was recorded because the program asked for notices
 *                      (mcsafe_on_notice(), mcsafe_notice_thread()).
 *         0            The signal is not libmcsafe's; nothing was changed. This is the result for
 *                      every signal with si_code <= 0 (kill(2), sigqueue(3)), for a misaligned
 *                      access (BUS_ADRALN), and for a SIGSEGV with SI_KERNEL that is no exception
 *                      of the processor, whatever instruction was interrupted. The kernel forces
 *                      such a SIGSEGV if it has no room for the frame of another signal. It looks
 *                      like the fault of a non-canonical address if such a fault was the last one
 *                      of the thread.
 *
 * @par Safety          MT-Safe, AS-Safe; meant for signal handlers. errno is unchanged.
 * @par Cost            A binary search of the landing tables. No system call, except for a notice.
 * @since 0.1           @see mcsafe_install(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_handle_signal(int signo, siginfo_t *si, void *ctx)
	MCSAFE_NOEXCEPT;

/**
 * Prepare the calling thread for recovery: set an alternate signal stack and unblock the signals.
 *
 * The handler runs on the alternate stack, so a fault is recovered even if the thread's own stack
 * is nearly full. A thread of pthread_create(3) has no alternate stack; the main thread of a Go,
 * Java or Rust program may have one. An existing stack that is large enough is left alone.
 *
 * The new stack has room for four signal frames and 64 KiB for handlers, above a guard page. The
 * size of a frame is AT_MINSIGSTKSZ of getauxval(3), which depends on the registers of the
 * processor. SIGBUS and SIGSEGV are unblocked. mcsafe_thread_release() restores what was found.
 * Calls nest: only the first call changes anything, and only the release that matches it undoes the
 * change. If a thread ends without a release, the library frees the stack.
 *
 * @return 0        The thread is prepared: mcsafe_thread_check() returns 0.
 *         -ENOMEM  There is no memory for the stack. Nothing was changed.
 *         -EPERM   The function was called on an alternate stack that is too small. The kernel does
 *                  not allow a change of the alternate stack that is in use. Nothing was changed.
 *
 * @par Pending     A SIGBUS or SIGSEGV that was sent while it was blocked is delivered now, to the
 *                  previous action. Other signals are unchanged.
 * @par fork        The only thread of a child is prepared if the thread that called fork(2) was.
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @par Cost        Five system calls and about 100 KiB of address space, once for each thread.
 * @since 0.1       @see mcsafe_thread_release(), mcsafe_thread_check()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_thread_prepare(void) MCSAFE_NOEXCEPT;

/**
 * Undo mcsafe_thread_prepare(): restore the alternate stack and the blocked signals that it found.
 *
 * @return 0        Done; or an outer mcsafe_thread_prepare() is still in force.
 *         -EINVAL  The thread is not prepared.
 *         -EBUSY   Other code has set another alternate stack since, and may set libmcsafe's stack
 *                  again later; or this call runs on libmcsafe's alternate stack. Nothing was
 *                  changed.
 *
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1       @see mcsafe_thread_prepare()
 */
MCSAFE_API int mcsafe_thread_release(void) MCSAFE_NOEXCEPT;

/** What mcsafe_thread_check() found; several flags may be set. */
enum mcsafe_thread_lack {
	/** SIGBUS is blocked: the kernel kills the process for a SIGBUS fault of this thread. */
	MCSAFE_THREAD_SIGBUS_BLOCKED = 1,
	/** SIGSEGV is blocked: the kernel kills the process for a SIGSEGV fault of this thread. */
	MCSAFE_THREAD_SIGSEGV_BLOCKED = 2,
	/** There is no alternate stack: a fault needs room on the thread's own stack. */
	MCSAFE_THREAD_NO_STACK = 4,
	/** The alternate stack may be too small for a signal frame and libmcsafe's handler. */
	MCSAFE_THREAD_SMALL_STACK = 8
};

/**
 * Ask whether faults of the calling thread can be recovered, before one happens.
 *
 * If a fault's signal is blocked, the kernel kills the process and no handler runs. The library
 * cannot prevent that after the fault.
 *
 * @return 0        Nothing is missing. Otherwise a sum of enum mcsafe_thread_lack. A missing or
 *                  small alternate stack alone does not prevent recovery while the thread's own
 *                  stack has room. mcsafe_installed() says whether the handler is installed.
 *
 * @par Safety      MT-Safe, AS-Safe. errno is unchanged.
 * @par Cost        Two system calls.
 * @since 0.1       @see mcsafe_thread_prepare(), mcsafe_installed()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_thread_check(void) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_HANDLER_H */
