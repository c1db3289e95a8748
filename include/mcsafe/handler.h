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
#include <mcsafe/notice.h>

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
 *                       with its sa_mask, SA_NODEFER,
 *                       SA_RESETHAND and SA_ONSTACK
 *   SIG_DFL             the default comes back and      dropped: the process survives; touching
 *                       kills the process with the      the lost memory later is a fault
 *                       true siginfo and registers
 *   SIG_IGN             faults: as SIG_DFL, which is    dropped
 *                       what the kernel does;
 *                       sent signals: dropped
 *
 * Notices are noted as well if the program asked for that, see mcsafe_on_notice().
 *
 * Calling it again is harmless. When another handler has been installed over ours since, this
 * call puts ours back in front, with that handler as the previous one; if that handler passes
 * signals on to ours, or puts back what it found and raises the signal again, they go on to the one
 * before it, so no loop can form.
 *
 * @return 0        ours is now the live handler of both signals, or already was.
 *         -EINVAL, -ENOTSUP
 *                  MCSAFE_ENGINE is set in the environment and names no engine, or one that this
 *                  processor cannot run (see mcsafe_engine_set()). A line on standard error lists
 *                  the names. Nothing was installed. The variable is read until a call succeeds,
 *                  and ignored in set-user-ID programs.
 *         -EPERM   somebody in the process keeps one of the signals for itself: a sanitizer with
 *                  handle_segv=2, say (docs/sanitizers.md). Both are left as they were.
 *         -ENOSPC  more than 15 different actions, or 32 orders of them, have been found under
 *                  ours in the life of this process; nothing more is recorded, and both signals
 *                  are left as they were.
 *
 * @par Flags       SA_SIGINFO | SA_ONSTACK | SA_NODEFER with an empty mask; SA_RESTART if the
 *                  previous action had it.
 * @par Stacks      A previous handler that did not ask for SA_ONSTACK runs on the stack that was
 *                  interrupted, although ours runs on the alternate one: the kernel's whole signal
 *                  frame is moved there first, so that the alternate stack is free for the next
 *                  signal. The previous handler returns to the kernel without passing through ours
 *                  (shadow stacks stay in step). If the interrupted stack cannot be written, the
 *                  process dies of the signal, as it would without us. A handler that was installed
 *                  over ours and calls ours has chosen the stack for all of them.
 * @par fork        A child inherits the handler, and may install and uninstall on its own.
 * @par vfork       A child that shares memory, of vfork(2) or of clone(2) with CLONE_VM, recovers
 *                  from faults as its parent does, and dies alone of what is not ours. It must not
 *                  install or uninstall. With CLONE_SIGHAND it shares the actions too: if it dies
 *                  of a signal for which SIG_DFL was found, SIG_DFL is what it leaves to all who
 *                  share them (mcsafe_installed() says 0), until somebody installs again.
 * @par execve      Nothing is left in the new program, of posix_spawn(3) as well: both signals have
 *                  the default action, also where SIG_IGN was found here, as the kernel keeps no
 *                  signal ignored that had a handler. A child of fork(2) that calls
 *                  mcsafe_uninstall() before execve(2) hands SIG_IGN on. The mask is inherited.
 * @par Safety      MT-Safe, also against itself. Not AS-Safe. errno is left alone.
 * @par Cost        Nine system calls.
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
 * @return 1            the signal was an access of libmcsafe that failed, or a fault that a guard of
 *                      this thread has caught (guard.h); or a BUS_MCEERR_AO that
 *                      was noted because the program asked for notices (mcsafe_on_notice(),
 *                      mcsafe_notice_thread()): dealt with.
 *         0            it is not ours; nothing was changed. So for every signal with si_code <= 0
 *                      (kill(2), sigqueue(3)), wherever it hits.
 *
 * @par Safety          MT-Safe, AS-Safe; meant for signal handlers. errno is left alone.
 * @par Cost            A binary search of the landing tables; no system call, but for notices.
 * @since 0.1           @see mcsafe_install(), mcsafe(7)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_handle_signal(int signo, siginfo_t *si, void *ctx)
	MCSAFE_NOEXCEPT;

/**
 * Make the calling thread fit for recovery: an alternate signal stack, and unblocked signals.
 *
 * The handler runs on the alternate stack, so that a fault is recovered even when the thread's own
 * stack is nearly full. A plain thread has none; the main thread of a Go, Java or Rust program may
 * have one. A stack that is there already and is large enough is never touched.
 *
 * The stack has the room of four signal frames (AT_MINSIGSTKSZ of getauxval(3), which grows with
 * the registers of the processor) and 64 KiB for handlers to work in, above a guard page. SIGBUS
 * and SIGSEGV are unblocked. What was found is given back by mcsafe_thread_release(). Calls nest:
 * only the first does anything, and only the release that matches it undoes it. A thread that ends
 * without a release leaves nothing behind.
 *
 * @return 0        the thread is prepared: mcsafe_thread_check() gives 0.
 *         -ENOMEM  no memory for the stack. Nothing was changed.
 *         -EPERM   called on an alternate stack that is too small: the kernel lets nobody
 *                  exchange the stack that is in use. Nothing was changed.
 *
 * @par Pending     A SIGBUS or SIGSEGV that was sent while it was blocked is delivered now, to the
 *                  previous action. Other signals stay as they are.
 * @par fork        A child's only thread is prepared if the thread that forked it was.
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @par Cost        Five system calls and some 100 KiB of address space, once for each thread.
 * @since 0.1       @see mcsafe_thread_release(), mcsafe_thread_check()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_thread_prepare(void) MCSAFE_NOEXCEPT;

/**
 * Undo mcsafe_thread_prepare(): the alternate stack and the blocked signals are as it found them.
 *
 * @return 0        done; or an outer mcsafe_thread_prepare() still holds.
 *         -EINVAL  the thread is not prepared.
 *         -EBUSY   somebody has set another alternate stack since, and may give ours back, or this
 *                  runs on ours: it stays, and so does everything else.
 *
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1       @see mcsafe_thread_prepare()
 */
MCSAFE_API int mcsafe_thread_release(void) MCSAFE_NOEXCEPT;

/** What mcsafe_thread_check() found; several may be set. */
enum mcsafe_thread_lack {
	/** SIGBUS is blocked: the kernel kills the process for a fault of this thread. */
	MCSAFE_THREAD_SIGBUS_BLOCKED = 1,
	/** The same for SIGSEGV. */
	MCSAFE_THREAD_SIGSEGV_BLOCKED = 2,
	/** No alternate stack: a fault needs room on the thread's own. */
	MCSAFE_THREAD_NO_STACK = 4,
	/** There is one, but it may be too small for a signal frame and our handler. */
	MCSAFE_THREAD_SMALL_STACK = 8
};

/**
 * Ask whether faults of the calling thread can be recovered, before one happens.
 *
 * A fault whose signal is blocked is not delivered: the kernel kills the process, and no handler
 * runs. There is nothing that a library can do about it then.
 *
 * @return 0        nothing is missing; otherwise a sum of enum mcsafe_thread_lack. A lack of stack
 *                  alone does not keep a thread from recovering as long as its own has room.
 *                  Whether the handler is installed is mcsafe_installed()'s to say.
 *
 * @par Safety      MT-Safe, AS-Safe. errno is left alone.
 * @par Cost        Two system calls.
 * @since 0.1       @see mcsafe_thread_prepare(), mcsafe_installed()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_thread_check(void) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_HANDLER_H */
