/* SPDX-License-Identifier: BSD-3-Clause */
/* thread.c - give a thread an alternate stack and unblocked signals, and undo both */
#include <mcsafe/handler.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/errno_kept.h"
#include "base/fatal_signals.h"

#ifndef AT_MINSIGSTKSZ
# define AT_MINSIGSTKSZ 51
#endif

/* What our handler needs to land a fault. Under 2 KiB were measured. */
#define HANDLER_ROOM ((size_t)4 * 1024)

/*
 * A stack of ours has room for four signal frames: for our handler, for a fault of a previous
 * handler, and two spare ones. SPARE_ROOM is for previous handlers, and for reports with a
 * backtrace.
 */
#define FRAMES     4
#define SPARE_ROOM ((size_t)64 * 1024)

#define OLD_FRAME_SIZE 4096 /* before Linux 5.14: the largest frame, with AVX-512, is smaller */

/* What prepare() found and did. It lies at the top of the memory that prepare() mapped, above the
 * stack. */
struct prepared {
	unsigned nesting;
	bool has_stack; /* the thread uses our stack */
	stack_t stack;
	stack_t previous_stack; /* if has_stack */
	bool was_blocked[MCSAFE__N_FATAL_SIGNALS];
	size_t map_size;
	void *map;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

/* The size of the largest signal frame. The kernel tells it since Linux 5.14. */
static size_t frame_size(void)
{
	unsigned long size = getauxval(AT_MINSIGSTKSZ);

	return size != 0 ? size : OLD_FRAME_SIZE;
}

static size_t enough(void)
{
	return frame_size() + HANDLER_ROOM;
}

static bool is_none(const stack_t *stack)
{
	return (stack->ss_flags & SS_DISABLE) != 0;
}

/* Whether the live stack is one of ours. If there is none, the kernel tells of NULL and 0 bytes. */
static bool is_same(const stack_t *live, const stack_t *ours)
{
	return live->ss_sp == ours->ss_sp && live->ss_size == ours->ss_size;
}

/* Unmap our stack when the thread ends. The previous stack is not put back: destructors run in no
 * order, so it may be unmapped already. */
static void forget(void *arg)
{
	struct prepared *p = arg;
	stack_t live, none;

	if (p->has_stack && sigaltstack(NULL, &live) == 0 && is_same(&live, &p->stack)) {
		memset(&none, 0, sizeof(none));
		none.ss_flags = SS_DISABLE;
		if (sigaltstack(&none, NULL) != 0)
			return; /* running on it */
	}
	munmap(p->map, p->map_size);
}

static void make_key(void)
{
	key_error = pthread_key_create(&key, forget);
}

static struct prepared *current(void)
{
	pthread_once(&once, make_key);
	return key_error == 0 ? pthread_getspecific(key) : NULL;
}

/* Map a guard page, a stack if stack_size is not 0, and the record above them. */
static struct prepared *map_stack(size_t stack_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
	struct prepared *p;
	char *map;

	size = (page + stack_size + sizeof(*p) + page - 1) / page * page;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, page, PROT_NONE) != 0) {
		munmap(map, size);
		return NULL;
	}
	p = (struct prepared *)(void *)(map + size - sizeof(*p));
	p->map = map;
	p->map_size = size;
	p->stack.ss_sp = map + page;
	/* The kernel aligns the frame downwards, so the top needs no alignment. */
	p->stack.ss_size = size - page - sizeof(*p);
	return p;
}

static int take_stack(struct prepared *p, const stack_t *live)
{
	p->previous_stack = *live;
	if (sigaltstack(&p->stack, NULL) != 0)
		return -errno;
	p->has_stack = true;
	return 0;
}

static void unblock(struct prepared *p)
{
	sigset_t set, mask;

	sigemptyset(&set);
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		sigaddset(&set, mcsafe__fatal_signals[i]);
	pthread_sigmask(SIG_UNBLOCK, &set, &mask);
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		p->was_blocked[i] = sigismember(&mask, mcsafe__fatal_signals[i]) == 1;
}

static void block_again(const struct prepared *p)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		if (p->was_blocked[i])
			sigaddset(&set, mcsafe__fatal_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int prepare(void)
{
	struct prepared *p = current();
	stack_t live;
	bool needs_stack;
	int err;

	if (p != NULL) {
		p->nesting++;
		return 0;
	}
	if (sigaltstack(NULL, &live) != 0)
		return -errno;
	needs_stack = is_none(&live) || live.ss_size < enough();
	p = map_stack(needs_stack ? FRAMES * frame_size() + SPARE_ROOM : 0);
	if (p == NULL || key_error != 0 || pthread_setspecific(key, p) != 0) {
		if (p != NULL)
			munmap(p->map, p->map_size);
		return -ENOMEM;
	}
	err = needs_stack ? take_stack(p, &live) : 0;
	if (err != 0) {
		pthread_setspecific(key, NULL);
		munmap(p->map, p->map_size);
		return err;
	}
	p->nesting = 1;
	unblock(p);
	return 0;
}

static int release(void)
{
	struct prepared *p = current();
	stack_t live;

	if (p == NULL)
		return -EINVAL;
	if (p->nesting > 1) {
		p->nesting--;
		return 0;
	}
	if (p->has_stack) {
		if (sigaltstack(NULL, &live) != 0 || !is_same(&live, &p->stack) ||
		    sigaltstack(&p->previous_stack, NULL) != 0)
			return -EBUSY;
	}
	block_again(p);
	pthread_setspecific(key, NULL);
	munmap(p->map, p->map_size);
	return 0;
}

int mcsafe_thread_prepare(void)
{
	MCSAFE__KEEP_ERRNO();

	return prepare();
}

int mcsafe_thread_release(void)
{
	MCSAFE__KEEP_ERRNO();

	return release();
}

int mcsafe_thread_check(void)
{
	/* In the order of mcsafe__fatal_signals. */
	static const int blocked[MCSAFE__N_FATAL_SIGNALS] = {MCSAFE_THREAD_SIGBUS_BLOCKED,
							     MCSAFE_THREAD_SIGSEGV_BLOCKED};
	MCSAFE__KEEP_ERRNO();
	int lacks = 0;
	sigset_t mask;
	stack_t live;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (size_t i = 0; i < MCSAFE__N_FATAL_SIGNALS; i++)
		if (sigismember(&mask, mcsafe__fatal_signals[i]))
			lacks |= blocked[i];
	if (sigaltstack(NULL, &live) != 0 || is_none(&live))
		lacks |= MCSAFE_THREAD_NO_STACK;
	else if (live.ss_size < enough())
		lacks |= MCSAFE_THREAD_SMALL_STACK;
	return lacks;
}
