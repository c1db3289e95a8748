/* SPDX-License-Identifier: BSD-3-Clause */
/* thread.c - alternate stack and unblocked signals for one thread, and both given back */
#include <mcsafe/handler.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/errno_kept.h"

#ifndef AT_MINSIGSTKSZ
# define AT_MINSIGSTKSZ 51
#endif

#define HANDLER_ROOM \
 ((size_t)4 * 1024)                    /* our handler, landing a fault: under 2 KiB were measured */
#define FRAMES     4                   /* ours, a previous handler's own fault, and two to spare */
#define SPARE_ROOM ((size_t)64 * 1024) /* previous handlers, reports with a backtrace */

/* What prepare found. It lies at the top of the memory that it mapped, above the stack. */
struct prepared {
	unsigned nesting;
	int has_stack; /* the stack is ours, previous_stack what was there before */
	stack_t stack;
	stack_t previous_stack;
	int was_blocked[2];
	size_t map_size;
	void *map;
};

static const int signals[2] = {SIGBUS, SIGSEGV};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

/* The kernel says how large a signal frame can be. Before Linux 5.14 it did not; the largest there,
 * with AVX-512, has under 4 KiB. */
static size_t frame_size(void)
{
	unsigned long size = getauxval(AT_MINSIGSTKSZ);

	return size != 0 ? size : 4096;
}

static size_t enough(void)
{
	return frame_size() + HANDLER_ROOM;
}

static int is_none(const stack_t *stack)
{
	return (stack->ss_flags & SS_DISABLE) != 0;
}

static int is_same(const stack_t *a, const stack_t *b)
{
	return !is_none(a) && !is_none(b) && a->ss_sp == b->ss_sp && a->ss_size == b->ss_size;
}

/* The thread ends: its stacks go, and so must ours. What was there before may be gone already, as
 * destructors run in no order, so it is not put back. */
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

/* A guard page, the stack if one is wanted, and the record above it. */
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
	/* The kernel aligns the frame downwards from the top, so the top may be anything. */
	p->stack.ss_size = size - page - sizeof(*p);
	return p;
}

static int take_stack(struct prepared *p, const stack_t *live)
{
	p->previous_stack = *live;
	if (sigaltstack(&p->stack, NULL) != 0)
		return -errno;
	p->has_stack = 1;
	return 0;
}

static void unblock(struct prepared *p)
{
	sigset_t set, mask;

	sigemptyset(&set);
	for (size_t i = 0; i < 2; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_UNBLOCK, &set, &mask);
	for (size_t i = 0; i < 2; i++)
		p->was_blocked[i] = sigismember(&mask, signals[i]);
}

static void block_again(const struct prepared *p)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < 2; i++)
		if (p->was_blocked[i])
			sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int prepare(void)
{
	struct prepared *p = current();
	stack_t live;
	int needs_stack, err;

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
	int err = prepare();

	return err;
}

int mcsafe_thread_release(void)
{
	MCSAFE__KEEP_ERRNO();
	int err = release();

	return err;
}

int mcsafe_thread_check(void)
{
	static const int blocked[2] = {MCSAFE_THREAD_SIGBUS_BLOCKED, MCSAFE_THREAD_SIGSEGV_BLOCKED};
	MCSAFE__KEEP_ERRNO();
	int lacks = 0;
	sigset_t mask;
	stack_t live;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (size_t i = 0; i < 2; i++)
		if (sigismember(&mask, signals[i]))
			lacks |= blocked[i];
	if (sigaltstack(NULL, &live) != 0 || is_none(&live))
		lacks |= MCSAFE_THREAD_NO_STACK;
	else if (live.ss_size < enough())
		lacks |= MCSAFE_THREAD_SMALL_STACK;
	return lacks;
}
