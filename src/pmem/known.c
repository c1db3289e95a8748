/* SPDX-License-Identifier: BSD-3-Clause */
/* known.c - the bad ranges of a mapping: from the kernel, from notices, for the program */
#include "pmem.h"

#include <errno.h>

#include "base/errno_kept.h"

struct mcsafe_badblocks *mcsafe_pmem_badblocks(struct mcsafe_pmem *pmem)
{
	return pmem->bad;
}

/* Add the ranges of `from` that are mapped. They count from the start of the file. */
static int add_mapped(struct mcsafe_pmem *pmem, const struct mcsafe_badblocks *from)
{
	size_t at = pmem->fd_offset, end = at + atomic_load(&pmem->size);
	struct mcsafe_range bad;
	int err = 0;

	for (; err == 0 && mcsafe_badblocks_next(from, at, end, &bad); at = bad.start + bad.len)
		err = mcsafe_badblocks_add(pmem->bad, bad.start - pmem->fd_offset, bad.len);
	return err;
}

static int ask(struct mcsafe_pmem *pmem, struct mcsafe_badblocks_answer *answer)
{
	struct mcsafe_badblocks *all;
	int err = mcsafe_badblocks_create(&all);

	*answer = (struct mcsafe_badblocks_answer){.state = MCSAFE_BADBLOCKS_NOT_ASKED};
	if (err == 0) {
		err = mcsafe_badblocks_ask(all, pmem->fd, answer);
		if (err == 0)
			err = add_mapped(pmem, all);
		mcsafe_badblocks_destroy(all);
	}
	return err;
}

int mcsafe_pmem_ask(struct mcsafe_pmem *pmem, struct mcsafe_badblocks_answer *answer)
{
	MCSAFE__KEEP_ERRNO();
	int err = -ENOTSUP;

	mcsafe__pmem_enter(pmem);
	mcsafe__pmem_take_lost(pmem);
	if (pmem->fd >= 0 && !mcsafe__pmem_has_file(pmem))
		err = -EBADF;
	else if (pmem->fd >= 0)
		err = ask(pmem, answer);
	if (err != 0)
		*answer = (struct mcsafe_badblocks_answer){.state = MCSAFE_BADBLOCKS_NOT_ASKED,
							   .error = -err};
	mcsafe__pmem_leave(pmem);
	return err;
}

int mcsafe_pmem_notice(struct mcsafe_pmem *pmem, const struct mcsafe_notice *notice)
{
	int noted = 0;

	mcsafe__pmem_enter(pmem);
	for (const struct mcsafe__view *view = atomic_load(&pmem->view); noted == 0 && view != NULL;
	     view = view->older)
		noted = mcsafe_badblocks_notice(pmem->bad, notice, view->base, view->mapped);
	mcsafe__pmem_leave(pmem);
	return noted;
}
