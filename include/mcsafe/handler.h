/* SPDX-License-Identifier: BSD-3-Clause */
/* handler.h - the signal handler behind every recovery: install it, ask for it, chain to it */
#ifndef MCSAFE_HANDLER_H
#define MCSAFE_HANDLER_H

#include <signal.h>
#ifndef __siginfo_t_defined
/* <signal.h> leaves siginfo_t out in strict ISO C; this is where glibc has it. */
# include <bits/types/siginfo_t.h>
#endif

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/**
 * Put libmcsafe's handler in front of SIGBUS and SIGSEGV.
 *
 * Nothing is installed before this is called: there is no constructor. A signal that does not
 * come from an access of libmcsafe goes to the action that was in place before, which stays the
 * owner of everything that is not ours:
 *
 *   previous action     a fault that is not ours,       a notice (BUS_MCEERR_AO) that
 *                       or a signal sent by kill(2)     memory was lost elsewhere
 *   a handler           called as the kernel would,     called
 *                       with its sa_mask, SA_NODEFER
 *                       and SA_RESETHAND
 *   SIG_DFL             the default comes back and      dropped: the process survives; touching
 *                       kills the process with the      the lost memory later is a fault
 *                       true siginfo and registers
 *   SIG_IGN             faults: as SIG_DFL, which is    dropped
 *                       what the kernel does;
 *                       sent signals: dropped
 *
 * Calling it again is harmless. When another handler has been installed over ours since, this
 * call puts ours back in front, with that handler as the previous one; if that handler passes
 * signals on to ours, they go on to the one before it, so no loop can form.
 *
 * @return 0        ours is now the live handler of both signals, or already was.
 *         -ENOSPC  more than 15 different actions have been found under ours in the life of this
 *                  process; nothing more is recorded, and both signals are left as they were.
 *
 * @par Flags       SA_SIGINFO | SA_ONSTACK | SA_NODEFER with an empty mask; SA_RESTART if the
 *                  previous action had it. A previous handler that did not ask for SA_ONSTACK
 *                  runs on the alternate stack too where the thread has one.
 * @par fork        A child inherits the handler, and may install and uninstall on its own. After
 *                  execve(2) nothing is left of it.
 * @par Safety      MT-Safe, also against itself. Not AS-Safe. errno is left alone.
 * @par Cost        Seven system calls.
 * @since 0.1       @see mcsafe_uninstall(), mcsafe_installed(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_install(void) MCSAFE_NOEXCEPT;

/**
 * Give SIGBUS and SIGSEGV back to the actions that were found by mcsafe_install().
 *
 * No copy may be running, in any thread, whose faults should still be recovered.
 *
 * @return 0        the previous actions are live again, or nothing was installed.
 *         -EBUSY   another handler sits on top of ours for at least one of the two signals. It may
 *                  pass signals on to ours, so both are left as they are.
 *
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1       @see mcsafe_install()
 */
MCSAFE_API int mcsafe_uninstall(void) MCSAFE_NOEXCEPT;

/**
 * Ask the kernel whether libmcsafe's handler is the live one.
 *
 * @return 1        for both SIGBUS and SIGSEGV.
 *         0        not installed, or another handler was installed on top for at least one.
 *                  Recovery then depends on that handler passing its signals on to ours.
 *
 * @par Safety      MT-Safe, AS-Safe. errno is left alone.
 * @par Cost        Two system calls.
 * @since 0.1       @see mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_installed(void) MCSAFE_NOEXCEPT;

/**
 * Deal with a signal on behalf of a host that owns the handler.
 *
 * For processes that keep SIGBUS and SIGSEGV to themselves (a language runtime, say): call this
 * first in their SA_SIGINFO handler, and return from the handler at once when the result is 1.
 * mcsafe_install() is not needed then. SA_ONSTACK is advised; SA_NODEFER is not needed.
 *
 * @param signo         The handler's first argument. Anything but SIGBUS and SIGSEGV gives 0.
 * @param[in] si        The handler's second argument; not NULL.
 * @param[in,out] ctx   The handler's third argument, a ucontext_t; not NULL. On 1 its registers
 *                      have been changed: returning from the handler resumes the copy's recovery.
 *
 * @return 1            the signal was an access of libmcsafe that failed: dealt with.
 *         0            it is not ours; nothing was changed. So for every signal with si_code <= 0
 *                      (kill(2), sigqueue(3)) and for every BUS_MCEERR_AO, wherever they hit.
 *
 * @par Safety          MT-Safe, AS-Safe; meant for signal handlers. errno is left alone.
 * @par Cost            A binary search of the landing table; no system call.
 * @since 0.1           @see mcsafe_install(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_handle_signal(int signo, siginfo_t *si, void *ctx)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_HANDLER_H */
