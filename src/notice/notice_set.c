/* SPDX-License-Identifier: BSD-3-Clause */
/* notice_set.c - begin to take note of notices, and choose the function that is called for each */
#include "notice.h"

#include <pthread.h>

#include "base/control.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int setup_error;

/* When this process was forked, another thread may have been filling a cell. That thread does not
 * exist here. The parent reads what was in the queue. */
static void begin_child(void)
{
	mcsafe__notice_empty_queue();
}

static void set_up(void)
{
	mcsafe__notice_empty_queue();
	setup_error = pthread_atfork(NULL, NULL, begin_child);
}

int mcsafe__notice_want(void)
{
	pthread_once(&once, set_up);
	if (setup_error != 0)
		return -setup_error;
	atomic_store(&mcsafe__notices_wanted, true);
	return 0;
}

int mcsafe_on_notice(mcsafe_notice_fn fn, void *arg)
{
	struct mcsafe__section section;
	unsigned next;
	int err;

	mcsafe__control_enter(&section);
	err = mcsafe__notice_want();
	if (err == 0) {
		next = atomic_load(&mcsafe__notice_version) + 1;
		atomic_store(&mcsafe__notice_pairs[next % MCSAFE__NOTICE_PAIRS].fn, fn);
		atomic_store(&mcsafe__notice_pairs[next % MCSAFE__NOTICE_PAIRS].arg, arg);
		atomic_store(&mcsafe__notice_version, next);
	}
	mcsafe__control_leave(&section);
	return err;
}
