/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.c - scrub a mapping up to the end of its file */
#include "pmem.h"

#include <errno.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "medium.h"
#include "scrub/scrub.h"

struct scrubbed {
	struct mcsafe_pmem *pmem;
	const struct mcsafe_scrub_options *options; /* the caller's; may be NULL */
	struct mcsafe_scrub *scrub;                 /* NULL: there is none yet */
};

static int progress_of_caller(const struct mcsafe_scrub_progress *progress, void *arg)
{
	const struct scrubbed *scrubbed = arg;

	return scrubbed->options->progress(progress, scrubbed->options->arg);
}

static bool is_in_file(const struct scrubbed *scrubbed, size_t offset)
{
	MCSAFE__NO_CANCEL();

	return mcsafe__medium_has_page(scrubbed->pmem, offset);
}

static bool is_lost(const struct scrubbed *scrubbed, size_t offset)
{
	MCSAFE__NO_CANCEL();

	return mcsafe__medium_has_lost(scrubbed->pmem, offset);
}

/* A range past the end of the file is not bad. Otherwise the caller decides. If it does not, an I/O
 * error must be proved. */
static int decide_found(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	const struct scrubbed *scrubbed = arg;
	const struct mcsafe_scrub_options *options = scrubbed->options;
	int verdict = MCSAFE_SCRUB_DECIDE;

	if (!is_in_file(scrubbed, bad->start))
		return MCSAFE_SCRUB_LEAVE;
	if (options != NULL && options->found != NULL)
		verdict = options->found(bad, fault, options->arg);
	if (verdict == MCSAFE_SCRUB_DECIDE && fault->cause == MCSAFE_CAUSE_IO &&
	    is_lost(scrubbed, bad->start))
		verdict = MCSAFE_SCRUB_ADD;
	return verdict;
}

/* Pages past the end of the file count as a hole, so that none of them raises a signal. */
static size_t run_of_file(void *arg, size_t offset, size_t n, bool *hole)
{
	const struct scrubbed *scrubbed = arg;
	MCSAFE__NO_CANCEL();
	size_t end = mcsafe__medium_end(scrubbed->pmem);

	if (offset >= end) {
		*hole = true;
		return n;
	}
	if (n > end - offset)
		n = end - offset;
	return mcsafe__medium_run(scrubbed->pmem, offset, n, hole);
}

/* Not inlined: gcc warns of the jumps of mcsafe__pmem_enter() where setjmp(3) is called, which
 * pthread_cleanup_push() does. */
static __attribute__((noinline)) void begin(struct mcsafe_pmem *pmem)
{
	mcsafe__pmem_enter(pmem);
}

static void end(void *arg)
{
	struct scrubbed *scrubbed = arg;

	mcsafe_scrub_destroy(scrubbed->scrub);
	mcsafe__pmem_leave(scrubbed->pmem);
}

static int run(struct scrubbed *scrubbed, struct mcsafe_scrub_progress *progress)
{
	struct mcsafe_pmem *pmem = scrubbed->pmem;
	const struct mcsafe_scrub_options *options = scrubbed->options;
	struct mcsafe_scrub_options own =
		options != NULL ? *options : (struct mcsafe_scrub_options){0};
	/* The size is loaded before the view, which is large enough then. */
	size_t size = atomic_load_explicit(&pmem->size, memory_order_acquire);
	int err;

	own.arg = scrubbed;
	own.found = decide_found;
	own.progress = own.progress != NULL ? progress_of_caller : NULL;
	err = mcsafe_scrub_create(&scrubbed->scrub, atomic_load(&pmem->view)->base, size, pmem->bad,
				  &own);
	if (err != 0)
		return err;
	scrubbed->scrub->hole = run_of_file;
	scrubbed->scrub->hole_arg = scrubbed;
	scrubbed->scrub->is_memory = pmem->memory_file;
	err = mcsafe_scrub_run(scrubbed->scrub);
	if (progress != NULL)
		mcsafe_scrub_get_progress(scrubbed->scrub, progress);
	return err;
}

int mcsafe_pmem_scrub(struct mcsafe_pmem *pmem, const struct mcsafe_scrub_options *options,
		      struct mcsafe_scrub_progress *progress)
{
	struct scrubbed scrubbed = {pmem, options, NULL};
	MCSAFE__KEEP_ERRNO();
	int err;

	begin(pmem);
	/* A scrub takes long. It may be cancelled, and a function of the caller may end the
	 * thread. */
	pthread_cleanup_push(end, &scrubbed);
	err = run(&scrubbed, progress);
	pthread_cleanup_pop(1);
	return err;
}
