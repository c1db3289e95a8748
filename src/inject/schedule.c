/* SPDX-License-Identifier: BSD-3-Clause */
/* schedule.c - decide which copies of this process fail: specification, counters */
#include "schedule.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "base/errno_kept.h"
#include "base/escape.h"
#include "base/no_cancel.h"
#include "injection.h"
#include "log.h"

#define ACCEPTED                                                                         \
 "accepted are \"copy:N\" and \"copy:N+\" (all from the Nth on), N from 1, either with " \
 "\"@OFFSET\" after it (the first bad byte)"

#define HALF SIZE_MAX /* the offset where none is given */

struct plan {
	size_t first; /* 0: no copy fails */
	bool onwards;
	size_t offset;
};

static _Atomic size_t first;
static _Atomic bool onwards;
static _Atomic size_t offset_of_fault;
static _Atomic size_t copies, failures;

static _Atomic(void *) bad_byte;

char mcsafe__schedule_probe;
static _Atomic bool intercepted;

/* ---- called by the interposed functions --------------------------------------------------- */

size_t mcsafe__schedule_next(size_t n, size_t *offset)
{
	size_t order = atomic_fetch_add(&copies, 1) + 1, from = atomic_load(&first), at;

	if (from == 0 || order < from || (order > from && !atomic_load(&onwards)))
		return 0;
	at = atomic_load(&offset_of_fault);
	if (at == HALF)
		at = n / 2;
	*offset = at < n ? at : n - 1;
	return order;
}

void mcsafe__schedule_failed(size_t order, const char *function, size_t n, size_t offset,
			     const void *caller)
{
	atomic_fetch_add(&failures, 1);
	mcsafe__log_copy(order, function, n, offset, caller);
}

void *mcsafe__schedule_bad_byte(void)
{
	return atomic_load(&bad_byte);
}

void mcsafe__schedule_intercepted(void)
{
	atomic_store(&intercepted, true);
}

/* ---- the schedule ------------------------------------------------------------------------- */

static bool parse_number(const char **text, size_t *number)
{
	const char *digit = *text;
	size_t value = 0;

	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(value, (size_t)10, &value) ||
		    __builtin_add_overflow(value, (size_t)(*digit - '0'), &value))
			return false;
	if (digit == *text)
		return false;
	*text = digit;
	*number = value;
	return true;
}

static bool parse(const char *spec, struct plan *plan)
{
	*plan = (struct plan){0, false, HALF};
	if (spec == NULL)
		return true;
	if (strncmp(spec, "copy:", 5) != 0)
		return false;
	spec += 5;
	if (!parse_number(&spec, &plan->first) || plan->first == 0)
		return false;
	if (*spec == '+') {
		plan->onwards = true;
		spec++;
	}
	if (*spec == '@') {
		spec++;
		if (!parse_number(&spec, &plan->offset))
			return false;
	}
	return *spec == '\0';
}

/* Whether copies of the program come here: make one, by the symbol that the program uses. */
static bool is_intercepted(void)
{
	atomic_store(&intercepted, false);
	return mcsafe_memcpy(&mcsafe__schedule_probe, &mcsafe__schedule_probe, 0, NULL) == 0 &&
	       atomic_load(&intercepted);
}

/* Make a page bad. It stays until the process ends, because a copy may use it at any time. */
static int make_bad_byte(void)
{
	void *page;
	int error;

	if (atomic_load(&bad_byte) != NULL)
		return 0;
	page = mmap(NULL, MCSAFE__PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return mcsafe__inject_fail(-errno, "mmap(2) failed");
	error = mcsafe_inject(page, MCSAFE__PAGE, MCSAFE_INJECT_AUTO);
	if (error != 0) {
		munmap(page, MCSAFE__PAGE);
		return error;
	}
	atomic_store(&bad_byte, page);
	return 0;
}

static int prepare(void)
{
	if (!is_intercepted())
		return mcsafe__inject_fail(-EOPNOTSUPP,
					   "the copies of this program do not go through "
					   "libmcsafe-inject: link it before libmcsafe, preload "
					   "it, or use --wrap when linking statically");
	return make_bad_byte();
}

int mcsafe_inject_schedule(const char *spec)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int error = 0;
	struct plan plan;

	if (!parse(spec, &plan))
		return mcsafe__inject_fail(-EINVAL, ACCEPTED);
	pthread_mutex_lock(&lock);
	if (spec != NULL)
		error = prepare();
	if (error == 0) {
		atomic_store(&first, 0); /* no copy fails until the whole plan is stored */
		atomic_store(&copies, 0);
		atomic_store(&failures, 0);
		atomic_store(&onwards, plan.onwards);
		atomic_store(&offset_of_fault, plan.offset);
		atomic_store(&first, plan.first);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

size_t mcsafe_inject_copies(void)
{
	return atomic_load(&copies);
}

size_t mcsafe_inject_failures(void)
{
	return atomic_load(&failures);
}

/* ---- the environment ---------------------------------------------------------------------- */

/* secure_getenv(): a set-user-ID program ignores this variable. */
__attribute__((constructor)) static void obey_environment(void)
{
	const char *spec = secure_getenv("MCSAFE_INJECT");
	char shown[256]; /* a longer one is cut off */

	if (spec == NULL || *spec == '\0')
		return;
	mcsafe__log_begin();
	if (mcsafe_inject_schedule(spec) == 0) {
		mcsafe__log_program(mcsafe_inject_kind_at(atomic_load(&bad_byte)));
		return;
	}
	(void)mcsafe__escape(shown, sizeof(shown), spec);
	fprintf(stderr, "libmcsafe-inject: MCSAFE_INJECT=%s: %s\n", shown, mcsafe_inject_reason());
	_exit(2);
}
