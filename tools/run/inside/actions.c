/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * actions.c - the signal handler, and what the program believes about SIGBUS
 *
 * The kernel's action for SIGBUS is always on_signal(). The action of the program is kept here: the
 * program finds it, and it is done for a SIGBUS that is not answered. SIGBUS is never blocked,
 * because the kernel kills a process if the signal of an access is blocked.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run/inside/inside.h"

/* Old programs call some of these. libc's names of parameters begin with underscores. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
/* NOLINTBEGIN(readability-redundant-declaration,bugprone-reserved-identifier) */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* glibc does not declare these for new ones. */
typedef void handler_fn(int);
INSIDE_EXPORT int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
INSIDE_EXPORT handler_fn *bsd_signal(int number, handler_fn *handler);
INSIDE_EXPORT handler_fn *__sysv_signal(int number, handler_fn *handler);

/* ---- the program's action -------------------------------------------------------------------- */

/* Of SIGBUS. Under the lock. */
static struct sigaction program;

static void on_signal(int number, siginfo_t *info, void *context);

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* What the kernel does before it calls the handler, it must do as the program wants it. */
static int take_signal(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	if (is_handler(&program))
		action.sa_flags = SA_SIGINFO | (program.sa_flags & (SA_ONSTACK | SA_RESTART));
	sigfillset(&action.sa_mask);
	return INSIDE_NEXT(sigaction)(SIGBUS, &action, NULL);
}

void inside_take_signal(void)
{
	sigset_t set;

	INSIDE_NEXT(sigaction)(SIGBUS, NULL, &program);
	take_signal();
	/* A program inherits what its parent blocks. */
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	INSIDE_NEXT(sigprocmask)(SIG_UNBLOCK, &set, NULL);
}

static int change_action(const struct sigaction *action, struct sigaction *old)
{
	struct sigaction before;
	sigset_t mask;
	int result = 0;

	inside_lock(&mask);
	before = program;
	if (action != NULL) {
		program = *action;
		result = take_signal();
	}
	inside_unlock(&mask);
	if (old != NULL)
		*old = before;
	return result;
}

static bool is_ours(int number)
{
	return number == SIGBUS && inside_shared != NULL;
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void set_mask(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

/* Sets of libc have the kernel's 64 signals first. */
static uint64_t kernel_mask(const sigset_t *set)
{
	uint64_t mask;

	memcpy(&mask, set, sizeof(mask));
	return mask;
}

/* Only an access of this thread raises these. The kernel keeps others from being sent with them. */
static bool is_of_access(const siginfo_t *info)
{
	return info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR ||
	       info->si_code == BUS_MCEERR_AR;
}

/* The signal kills as without this library: after the handler has returned. */
static void die(siginfo_t *info)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	INSIDE_NEXT(sigaction)(SIGBUS, &action, NULL);
	/* The access raises it again. */
	if (is_of_access(info) || info->si_code == BUS_ADRALN)
		return;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), inside_thread(), SIGBUS, info);
}

static void call(const struct sigaction *action, int number, siginfo_t *info, ucontext_t *context)
{
	const uint64_t bus = UINT64_C(1) << (SIGBUS - 1);

	set_mask((kernel_mask(&context->uc_sigmask) | kernel_mask(&action->sa_mask)) & ~bus);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(number, info, context);
	else
		action->sa_handler(number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct sigaction action;
	const int saved_errno = errno;
	bool answered = false;
	sigset_t mask;

	inside_lock(&mask);
	action = program;
	if (is_of_access(info))
		answered = inside_answer(info, context, is_handler(&action));
	if (!answered && is_handler(&action) && (action.sa_flags & (int)SA_RESETHAND))
		program.sa_handler = SIG_DFL;
	inside_unlock(&mask);
	errno = saved_errno;
	if (answered || (action.sa_handler == SIG_IGN && !is_of_access(info)))
		return;
	if (is_handler(&action))
		call(&action, number, info, context);
	else
		die(info);
	errno = saved_errno;
}

/* ---- calls of the program: actions ----------------------------------------------------------- */

/* A copy of a set without SIGBUS. NULL stays NULL. */
static const sigset_t *allow(const sigset_t *set, sigset_t *copy)
{
	if (set == NULL || inside_shared == NULL)
		return set;
	*copy = *set;
	sigdelset(copy, SIGBUS);
	return copy;
}

INSIDE_EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	struct sigaction allowed;

	if (is_ours(number))
		return change_action(action, old);
	if (action == NULL || inside_shared == NULL)
		return INSIDE_NEXT(sigaction)(number, action, old);
	/* While the handler of another signal runs, SIGBUS must not be blocked. */
	allowed = *action;
	sigdelset(&allowed.sa_mask, SIGBUS);
	return INSIDE_NEXT(sigaction)(number, &allowed, old);
}

int __sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	return sigaction(number, action, old);
}

static handler_fn *change_handler(handler_fn *handler, int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	return change_action(&action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

INSIDE_EXPORT handler_fn *signal(int number, handler_fn *handler)
{
	return is_ours(number) ? change_handler(handler, SA_RESTART)
			       : INSIDE_NEXT(signal)(number, handler);
}

handler_fn *bsd_signal(int number, handler_fn *handler)
{
	return signal(number, handler);
}

INSIDE_EXPORT handler_fn *ssignal(int number, handler_fn *handler)
{
	return signal(number, handler);
}

handler_fn *__sysv_signal(int number, handler_fn *handler)
{
	return is_ours(number) ? change_handler(handler, (int)SA_RESETHAND | SA_NODEFER)
			       : INSIDE_NEXT(__sysv_signal)(number, handler);
}

INSIDE_EXPORT handler_fn *sysv_signal(int number, handler_fn *handler)
{
	return __sysv_signal(number, handler);
}

INSIDE_EXPORT handler_fn *sigset(int number, handler_fn *handler)
{
	struct sigaction old;

	if (!is_ours(number))
		return INSIDE_NEXT(sigset)(number, handler);
	if (handler != SIG_HOLD)
		return change_handler(handler, 0);
	/* To block it: it stays as it is. */
	change_action(NULL, &old);
	return old.sa_handler;
}

INSIDE_EXPORT int sigignore(int number)
{
	if (!is_ours(number))
		return INSIDE_NEXT(sigignore)(number);
	return change_handler(SIG_IGN, 0) != SIG_ERR ? 0 : -1;
}

/* ---- calls of the program: blocked signals --------------------------------------------------- */

INSIDE_EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;

	return INSIDE_NEXT(sigprocmask)(how, how == SIG_UNBLOCK ? set : allow(set, &copy), old);
}

INSIDE_EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;

	return INSIDE_NEXT(pthread_sigmask)(how, how == SIG_UNBLOCK ? set : allow(set, &copy), old);
}

INSIDE_EXPORT int pthread_attr_setsigmask_np(pthread_attr_t *attr, const sigset_t *set)
{
	sigset_t copy;

	return INSIDE_NEXT(pthread_attr_setsigmask_np)(attr, allow(set, &copy));
}

INSIDE_EXPORT int sighold(int number)
{
	return is_ours(number) ? 0 : INSIDE_NEXT(sighold)(number);
}

static int allow_old(int mask)
{
	return inside_shared != NULL ? mask & ~(1 << (SIGBUS - 1)) : mask;
}

INSIDE_EXPORT int sigblock(int mask)
{
	mask = allow_old(mask);
	return INSIDE_NEXT(sigblock)(mask);
}

INSIDE_EXPORT int sigsetmask(int mask)
{
	mask = allow_old(mask);
	return INSIDE_NEXT(sigsetmask)(mask);
}

/* ---- the beginning --------------------------------------------------------------------------- */

__attribute__((constructor)) static void begin(void)
{
	inside_find_command();
	if (inside_shared == NULL || !inside_prepare_lock()) {
		inside_shared = NULL;
		return;
	}
	inside_take_signal();
	atomic_fetch_add(&inside_shared->started, 1);
}

/* NOLINTEND(readability-redundant-declaration,bugprone-reserved-identifier) */
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
