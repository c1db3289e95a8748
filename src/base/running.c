/* SPDX-License-Identifier: BSD-3-Clause */
/* running.c - counters of running calls: their memory, and the wait for 0 */
#include "running.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "errno_kept.h"

/* ThreadSanitizer cannot see an addition in assembly, nor what it orders. */
#if defined(__SANITIZE_THREAD__)
# define LOCKED_ONLY true
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define LOCKED_ONLY true
# endif
#endif
#ifndef LOCKED_ONLY
# define LOCKED_ONLY false
#endif

static bool barrier_does(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

/*
 * A plain addition is no memory barrier: mcsafe__running_wait() might read the counter before the
 * processor has written it. membarrier(2) has every processor that runs a thread of this process
 * execute a barrier. Without it, additions must be locked.
 */
static bool may_add_plainly(void)
{
	return !LOCKED_ONLY && mcsafe__rseq_is_there() &&
	       barrier_does(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void mcsafe__running_init(struct mcsafe__running *running)
{
	MCSAFE__KEEP_ERRNO();
	long n = sysconf(_SC_NPROCESSORS_CONF);

	if (n <= 0 || !may_add_plainly())
		return;
	running->n_processors = (size_t)n;
	running->processors = aligned_alloc(MCSAFE__LINE, (size_t)n * sizeof(*running->processors));
	if (running->processors != NULL)
		memset(running->processors, 0, (size_t)n * sizeof(*running->processors));
}

void mcsafe__running_end(struct mcsafe__running *running)
{
	free(running->processors);
	running->processors = NULL;
}

/*
 * The calls that have ended are summed first. A call that ends meanwhile is then missing among
 * them, and not among those that have begun. So if the sums are equal, there was a time in between
 * when no call was running.
 */
bool mcsafe__running_any(const struct mcsafe__running *running)
{
	size_t n = running->processors != NULL ? running->n_processors : 0;
	size_t in = 0, out = 0;

	for (size_t i = 0; i < MCSAFE__STRIPES; i++)
		out += atomic_load(&running->parts[i].out);
	for (size_t i = 0; i < n; i++)
		out += atomic_load(&running->processors[i].out);
	for (size_t i = 0; i < MCSAFE__STRIPES; i++)
		in += atomic_load(&running->parts[i].in);
	for (size_t i = 0; i < n; i++)
		in += atomic_load(&running->processors[i].in);
	return in != out;
}

/*
 * A sandbox that was entered after mcsafe__running_init() may refuse membarrier(2). Then wait
 * longer than any processor goes without an interrupt, which writes what the processor has
 * buffered (Intel SDM vol. 3, "Store Buffer"; AMD APM vol. 2, "Write Buffering").
 */
static void make_additions_visible(const struct mcsafe__running *running)
{
	static const struct timespec a_while = {.tv_nsec = 20L * 1000 * 1000};

	if (running->processors != NULL && !barrier_does(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		(void)nanosleep(&a_while, NULL);
}

void mcsafe__running_wait(struct mcsafe__running *running)
{
	MCSAFE__KEEP_ERRNO();

	make_additions_visible(running);
	while (mcsafe__running_any(running))
		sched_yield();
}
