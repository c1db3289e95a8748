/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain.c - pass a signal that is not ours to the previous action, or die of it
 *
 * Runs in the signal handler and takes no lock (chain_history.h says why that is enough). Of libc
 * it calls getpid, sigaction, pthread_sigmask, sigemptyset, sigaddset, syscall, memcpy and memset.
 * All are async-signal-safe (signal-safety(7); syscall() is a plain system call).
 */
#include "handler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/handler.h>

#include "base/trap.h"
#include "chain_history.h"
#include "notice/notice.h"
#include "report/report.h"

struct mcsafe__history mcsafe__histories[MCSAFE__N_FATAL_SIGNALS];

/*
 * Marks in the siginfo: what has been done with this signal so far. The siginfo belongs to this
 * delivery alone. Therefore a mark is right in every thread, and also after a handler has left by
 * siglongjmp(3). The kernel writes 48 bytes of siginfo and clears the rest
 * (copy_siginfo_to_user()). The marks lie there, and a mark that is all zeros is free.
 *
 * A process may hold several copies of this library, for example in two plugins that were linked
 * with the archive. Their handlers call each other with the same siginfo. So each copy has marks of
 * its own, by an owner that no other copy has. If there are more copies than marks, the last ones
 * pass signals on without a mark.
 */
struct mark {
	uint64_t owner;
	uint32_t called; /* bits as of mcsafe__action_bit() */
	uint32_t unused;
};

#define MARKS_OFFSET 48
#define N_MARKS      ((sizeof(siginfo_t) - MARKS_OFFSET) / sizeof(struct mark))

_Static_assert(N_MARKS * sizeof(struct mark) == sizeof(siginfo_t) - MARKS_OFFSET, "no rest");

/* The addresses of no two copies are the same. The constant makes foreign data there unlikely. */
static uint64_t own_mark(void)
{
	return (uintptr_t)mcsafe__histories ^ UINT64_C(0x6d63736166650000); /* "mcsafe" */
}

/* The same in all copies: one of them has queued the signal again, and it must stay blocked. */
#define DYING_MARK UINT64_C(0x6d6373616665ff01)

static struct mark mark_at(const siginfo_t *si, size_t i)
{
	struct mark mark;

	memcpy(&mark, (const char *)si + MARKS_OFFSET + i * sizeof(mark), sizeof(mark));
	return mark;
}

/* The index of the mark of an owner. N_MARKS: there is none. */
static size_t mark_of(const siginfo_t *si, uint64_t owner)
{
	size_t i = 0;

	while (i < N_MARKS && mark_at(si, i).owner != owner)
		i++;
	return i;
}

static void mark_put(siginfo_t *si, uint64_t owner, uint32_t called)
{
	const struct mark mark = {owner, called, 0};
	size_t i = mark_of(si, owner);

	if (i == N_MARKS)
		i = mark_of(si, 0);
	if (i != N_MARKS)
		memcpy((char *)si + MARKS_OFFSET + i * sizeof(mark), &mark, sizeof(mark));
}

static void mark_remove(siginfo_t *si, uint64_t owner)
{
	size_t i = mark_of(si, owner);

	if (i != N_MARKS)
		memset((char *)si + MARKS_OFFSET + i * sizeof(struct mark), 0, sizeof(struct mark));
}

static bool is_marked(const siginfo_t *si, uint64_t owner)
{
	return mark_of(si, owner) != N_MARKS;
}

/*
 * The actions that this copy of the library has passed the signal to so far. No action is called
 * twice for one signal: a handler can be both below ours and above ours. If such a handler passes a
 * signal on, the signal would go round in circles.
 */
static uint32_t called_so_far(const siginfo_t *si)
{
	size_t i = mark_of(si, own_mark());

	return i != N_MARKS ? mark_at(si, i).called : 0;
}

bool mcsafe__was_passed_on(const siginfo_t *si)
{
	return is_marked(si, own_mark());
}

/*
 * Whether the kernel raises the signal again when the instruction runs again. That is so for a page
 * fault whose address is that of the signal. (CR2 and the trap number can be those of an older
 * fault, as with a signal that was sent; base/trap.h.) It is not certain of anything without an
 * address, and poison must not be touched again to find out.
 */
static bool comes_back(const struct mcsafe__delivery *delivery)
{
	const greg_t *regs = delivery->uc->uc_mcontext.gregs;
	const siginfo_t *si = delivery->si;

	return si->si_code > 0 && si->si_code != SI_KERNEL &&
	       (delivery->signo == SIGSEGV || si->si_code == BUS_ADRERR) &&
	       regs[REG_TRAPNO] == MCSAFE__TRAP_PAGE_FAULT &&
	       regs[REG_CR2] == (greg_t)(uintptr_t)si->si_addr;
}

/*
 * Whether it is the first time that this fault comes here, as far as one word can tell. It is not
 * if valgrind has called the handler: valgrind does not take the mask from the context.
 */
static bool is_new(const ucontext_t *uc)
{
	static _Atomic uint64_t latest;
	const greg_t *regs = uc->uc_mcontext.gregs;
	uint64_t fault = (uint64_t)regs[REG_RIP] ^ (uint64_t)regs[REG_RSP] << 16 ^
			 (uint64_t)regs[REG_CR2] << 32;

	return atomic_exchange(&latest, fault) != fault;
}

/*
 * Whether the kernel entered our handler. Otherwise another handler has called it, perhaps with a
 * copy of the context. The kernel puts the ucontext after the return address, and the siginfo after
 * the ucontext, whose mask has 64 bits (arch/x86/include/asm/sigframe.h, struct rt_sigframe).
 */
static bool is_from_kernel(const struct mcsafe__delivery *delivery)
{
	uintptr_t uc = (uintptr_t)delivery->uc;

	return uc == (uintptr_t)delivery->frame + sizeof(void *) &&
	       (uintptr_t)delivery->si == uc + offsetof(ucontext_t, uc_sigmask) + sizeof(uint64_t);
}

/* sigreturn(2) takes the mask from the context. */
static void block_after_return(const struct mcsafe__delivery *delivery)
{
	sigaddset(&delivery->uc->uc_sigmask, delivery->signo);
}

static bool set_default(int signo)
{
	struct sigaction dfl;

	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	return sigaction(signo, &dfl, NULL) == 0;
}

/*
 * Queue the signal again, with the default action and with its own siginfo. It stays blocked until
 * sigreturn(2) has restored the interrupted registers and mask. A process may queue any si_code to
 * itself (rt_tgsigqueueinfo(2)). False, and nothing is changed, if a call is refused, as a
 * seccomp(2) filter does, or if the signal would be dropped: the kernel drops signals with the
 * default action that the first process of a PID namespace sends to itself (pid_namespaces(7)).
 */
static bool queue_again(const struct mcsafe__delivery *delivery)
{
	int signo = delivery->signo;
	pid_t self = getpid();
	struct sigaction dfl, found;
	siginfo_t si = *delivery->si;
	sigset_t set, mask;

	if (self == 1)
		return false;
	memset((char *)&si + MARKS_OFFSET, 0, sizeof(si) - MARKS_OFFSET);
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	sigemptyset(&set);
	sigaddset(&set, signo);
	if (pthread_sigmask(SIG_BLOCK, &set, &mask) != 0)
		return false;
	if (sigaction(signo, &dfl, &found) == 0) {
		if (syscall(SYS_rt_tgsigqueueinfo, self, syscall(SYS_gettid), signo, &si) == 0) {
			mark_put(delivery->si, DYING_MARK, 0);
			return true;
		}
		sigaction(signo, &found, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return false;
}

/* Let the thread go on at an instruction of ours that raises the signal. It finds in %r11 where the
 * thread was; all other registers keep their values. */
static void go_on_at_trap(const struct mcsafe__delivery *delivery)
{
	greg_t *regs = delivery->uc->uc_mcontext.gregs;

	regs[REG_R11] = regs[REG_RIP];
	if (delivery->signo == SIGBUS) {
		regs[REG_EFL] |= MCSAFE_FLAG_ALIGNMENT;
		regs[REG_RIP] = (greg_t)(uintptr_t)mcsafe__raise_sigbus;
	} else {
		regs[REG_RIP] = (greg_t)(uintptr_t)mcsafe__raise_sigsegv;
	}
}

/* Whether the kernel would ignore the signal: sent to the first process of a PID namespace by one
 * that it can see (pid_namespaces(7)). */
static bool is_ignored_by_init(const siginfo_t *si)
{
	return si->si_code <= 0 && si->si_pid != 0 && getpid() == 1;
}

/*
 * Let the process die of the signal as it would without us: with the same siginfo, and with the
 * registers of the interrupted code.
 *
 * A fault that comes back needs no system call, and so no sandbox can prevent the death. The
 * handler returns with the signal blocked, the instruction faults again, and the kernel sets a
 * blocked signal that it must deliver to SIG_DFL (kernel/signal.c, force_sig_info_to_task()). If
 * the page has become accessible meanwhile, the thread goes on. Our handler is still there, for all
 * threads. This thread has the signal blocked. If the same fault comes here a second time, the mask
 * was not taken from the context (valgrind). Then the action is set to the default one.
 *
 * Any other signal is queued again. If that is refused, an instruction of ours raises the same
 * signal, with another siginfo.
 */
static void die_of(const struct mcsafe__delivery *delivery)
{
	bool again = comes_back(delivery);

	if (is_ignored_by_init(delivery->si))
		return;
	mcsafe__report(delivery->signo, delivery->si, delivery->uc, mcsafe_handle_signal);
	if (again && is_from_kernel(delivery)) {
		if (is_new(delivery->uc) || !set_default(delivery->signo))
			block_after_return(delivery);
		return;
	}
	if (queue_again(delivery))
		return;
	block_after_return(delivery);
	if (!again)
		go_on_at_trap(delivery);
}

/* Block what the kernel would have blocked for this handler. Our handler blocks nothing. */
static void block_for(const struct sigaction *action, int signo, sigset_t *saved)
{
	sigset_t block = action->sa_mask;

	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&block, signo);
	pthread_sigmask(SIG_BLOCK, &block, saved);
}

static void call(const struct sigaction *action, const struct mcsafe__delivery *delivery)
{
	int signo = delivery->signo;
	sigset_t saved;

	block_for(action, signo, &saved);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signo, delivery->si, delivery->uc);
	else
		action->sa_handler(signo);
	/* If the handler passed the signal on to ours, or to that of another copy of this library,
	 * the signal may have been queued again. Then it must stay blocked. */
	if (is_marked(delivery->si, DYING_MARK))
		sigaddset(&saved, signo);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

/* Use up a call of an action. False if it has none left: SA_RESETHAND allows only one
 * (sigaction(2)). */
static bool use_up_call(struct mcsafe__history *history, unsigned index)
{
	uint32_t bit = mcsafe__action_bit(index);

	if (!(history->seen[index].sa_flags & (int)SA_RESETHAND))
		return true;
	return (atomic_fetch_or(&history->spent, bit) & bit) == 0;
}

/*
 * Call the handler of an action on the stack on which the kernel would have called it. If the
 * signal frame must move for that, nothing of ours may be left on the stack. Then our handler ends,
 * the entry goes on in the other handler (true), and sigreturn(2) restores the mask.
 */
static bool call_on_its_stack(const struct sigaction *action,
			      const struct mcsafe__delivery *delivery)
{
	if (!(action->sa_flags & SA_ONSTACK)) {
		switch (mcsafe__frame_move(delivery)) {
		case MCSAFE__MOVE_DONE:
			block_for(action, delivery->signo, NULL);
			/* A union with sa_handler. The signal is the first argument of both. */
			delivery->resume->handler = action->sa_sigaction;
			return true;
		case MCSAFE__MOVE_NO_ROOM:
			die_of(delivery);
			return false;
		case MCSAFE__MOVE_NOT_NEEDED:
			break;
		}
	}
	call(action, delivery);
	return false;
}

bool mcsafe__chain(const struct mcsafe__delivery *delivery)
{
	struct mcsafe__history *history = mcsafe__history_of(delivery->signo);
	siginfo_t *si = delivery->si;
	bool is_first = !mcsafe__was_passed_on(si);
	uint32_t called = called_so_far(si);
	unsigned index;
	const struct sigaction *action =
		mcsafe__first_not_in(history, called, delivery->generation, &index);
	bool go_on;

	if (action == NULL || action->sa_handler == SIG_DFL ||
	    (action->sa_handler != SIG_IGN && !use_up_call(history, index))) {
		/* A notice asks for no action. A program that has called mcsafe_install() does
		 * not die of it. */
		if (!mcsafe__is_notice(delivery->signo, si))
			die_of(delivery);
		return false;
	}
	if (action->sa_handler == SIG_IGN) {
		/* The kernel kills a process that ignores a fault. A signal that was sent stays
		 * ignored. */
		if (si->si_code > 0 && !mcsafe__is_notice(delivery->signo, si))
			die_of(delivery);
		return false;
	}
	mark_put(si, own_mark(), called | mcsafe__action_bit(index));
	go_on = call_on_its_stack(action, delivery);
	if (is_first)
		mark_remove(si, own_mark());
	else
		mark_put(si, own_mark(), called);
	return go_on;
}
