/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - make a scrub, and run it in this thread or in one of its own */
#include "scrub.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include <mcsafe/handler.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/page.h"

int mcsafe_scrub_create(struct mcsafe_scrub **scrub, const void *base, size_t len,
			struct mcsafe_badblocks *badblocks,
			const struct mcsafe_scrub_options *options)
{
	const struct mcsafe_scrub_options defaults = {.rate = 0};
	struct mcsafe_scrub *made;
	MCSAFE__KEEP_ERRNO();

	if (options == NULL)
		options = &defaults;
	if (mcsafe__wraps((uintptr_t)base, len) || options->start > len ||
	    (options->recheck != 0 && options->recheck != 1))
		return -EINVAL;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return -ENOMEM;
	made->base = base;
	made->len = len;
	made->badblocks = badblocks;
	made->options = *options;
	atomic_store(&made->offset, options->start);
	/* This fails only if the value is too large. */
	sem_init(&made->wake, 0, 0);
	*scrub = made;
	return 0;
}

/* Take a scrub that is idle. False: it is not. */
static bool take(struct mcsafe_scrub *scrub, int state)
{
	int idle = MCSAFE__SCRUB_IDLE;

	return atomic_compare_exchange_strong(&scrub->state, &idle, state);
}

static void become_idle(void *arg)
{
	struct mcsafe_scrub *scrub = arg;

	atomic_store(&scrub->state, MCSAFE__SCRUB_IDLE);
}

int mcsafe_scrub_run(struct mcsafe_scrub *scrub)
{
	MCSAFE__KEEP_ERRNO();
	int err;

	if (!take(scrub, MCSAFE__SCRUB_RUNNING))
		return -EBUSY;
	/* A run may be cancelled, and a function of the caller may end the thread. */
	pthread_cleanup_push(become_idle, scrub);
	err = mcsafe__scrub_walk(scrub);
	pthread_cleanup_pop(1);
	return err;
}

static void *run_thread(void *arg)
{
	const struct sched_param no_priority = {.sched_priority = 0};
	struct mcsafe_scrub *scrub = arg;
	bool prepared;

	/* If one of these fails, the scrub still works: the stack of this thread has room for the
	 * handler. */
	pthread_setschedparam(pthread_self(), SCHED_IDLE, &no_priority);
	prepared = mcsafe_thread_prepare() == 0;
	/* This stays if a function of the caller ends the thread. */
	scrub->result = -ECANCELED;
	scrub->result = mcsafe__scrub_walk(scrub);
	if (prepared)
		mcsafe_thread_release();
	return NULL;
}

int mcsafe_scrub_start(struct mcsafe_scrub *scrub)
{
	sigset_t blocked, saved;
	int err;

	if (!take(scrub, MCSAFE__SCRUB_STARTING))
		return -EBUSY;
	/* The thread inherits the mask. */
	sigfillset(&blocked);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &blocked, &saved);
	err = pthread_create(&scrub->thread, NULL, run_thread, scrub);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	/* Only now scrub->thread is set, so that mcsafe_scrub_wait() can join the thread. */
	atomic_store(&scrub->state, err == 0 ? MCSAFE__SCRUB_THREAD : MCSAFE__SCRUB_IDLE);
	return -err;
}

static void become_joinable(void *arg)
{
	struct mcsafe_scrub *scrub = arg;

	atomic_store(&scrub->state, MCSAFE__SCRUB_THREAD);
}

int mcsafe_scrub_wait(struct mcsafe_scrub *scrub)
{
	int thread = MCSAFE__SCRUB_THREAD, result, err;

	if (!atomic_compare_exchange_strong(&scrub->state, &thread, MCSAFE__SCRUB_WAITING))
		return -EINVAL;
	/* If this is cancelled, the thread can still be joined: pthread_join(3). */
	pthread_cleanup_push(become_joinable, scrub);
	err = pthread_join(scrub->thread, NULL);
	pthread_cleanup_pop(0);
	if (err != 0) {
		/* EDEADLK: the thread waits for itself. */
		become_joinable(scrub);
		return -EINVAL;
	}
	result = scrub->result;
	atomic_store(&scrub->state, MCSAFE__SCRUB_IDLE);
	return result;
}

void mcsafe_scrub_cancel(struct mcsafe_scrub *scrub)
{
	MCSAFE__KEEP_ERRNO();

	atomic_store(&scrub->cancelled, 1);
	/* EOVERFLOW does not matter: then the semaphore has been posted often enough. */
	sem_post(&scrub->wake);
}

void mcsafe_scrub_destroy(struct mcsafe_scrub *scrub)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();

	if (scrub == NULL)
		return;
	if (atomic_load(&scrub->state) == MCSAFE__SCRUB_THREAD) {
		mcsafe_scrub_cancel(scrub);
		mcsafe_scrub_wait(scrub);
	}
	sem_destroy(&scrub->wake);
	free(scrub);
}
