/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.c - scrub a mapping up to the end of its file */
#include "pmem.h"

#include <errno.h>

#include "base/errno_kept.h"
#include "medium.h"

struct scrubbed {
	struct mcsafe_pmem *pmem;
	const struct mcsafe_scrub_options *options; /* the caller's; may be NULL */
};

static int progress_of_caller(const struct mcsafe_scrub_progress *progress, void *arg)
{
	const struct scrubbed *scrubbed = arg;

	return scrubbed->options->progress(progress, scrubbed->options->arg);
}

/* 1, and the range is not added: it is past the end of the file. Otherwise the caller decides. */
static int decide_found(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	const struct scrubbed *scrubbed = arg;
	const struct mcsafe_scrub_options *options = scrubbed->options;

	if (!mcsafe__medium_has_page(scrubbed->pmem, bad->start))
		return 1;
	return options != NULL && options->found != NULL ? options->found(bad, fault, options->arg)
							 : 0;
}

int mcsafe_pmem_scrub(struct mcsafe_pmem *pmem, const struct mcsafe_scrub_options *options,
		      struct mcsafe_scrub_progress *progress)
{
	struct mcsafe__stripe *stripe = mcsafe__pmem_enter(pmem);
	struct mcsafe_scrub_options own =
		options != NULL ? *options : (struct mcsafe_scrub_options){0};
	struct scrubbed scrubbed = {pmem, options};
	size_t size = atomic_load_explicit(&pmem->size, memory_order_acquire);
	struct mcsafe_scrub *scrub;
	MCSAFE__KEEP_ERRNO();
	int err;

	own.arg = &scrubbed;
	own.found = decide_found;
	own.progress = own.progress != NULL ? progress_of_caller : NULL;
	err = mcsafe_scrub_create(&scrub, atomic_load(&pmem->view)->base, size, pmem->bad, &own);
	if (err == 0) {
		err = mcsafe_scrub_run(scrub);
		if (progress != NULL)
			mcsafe_scrub_get_progress(scrub, progress);
		mcsafe_scrub_destroy(scrub);
	}
	mcsafe__pmem_leave(stripe);
	return err;
}
