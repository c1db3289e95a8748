/* SPDX-License-Identifier: BSD-3-Clause */
/* known.c - the bad ranges of a mapping: from the kernel, from notices, for the program */
#include "pmem.h"

#include <errno.h>

struct mcsafe_badblocks *mcsafe_pmem_badblocks(struct mcsafe_pmem *pmem)
{
	return pmem->bad;
}

int mcsafe_pmem_notice(struct mcsafe_pmem *pmem, const struct mcsafe_notice *notice)
{
	struct mcsafe__stripe *stripe = mcsafe__pmem_enter(pmem);
	int noted = 0;

	for (const struct mcsafe__view *view = atomic_load(&pmem->view); noted == 0 && view != NULL;
	     view = view->older)
		noted = mcsafe_badblocks_notice(pmem->bad, notice, view->base, view->mapped);
	mcsafe__pmem_leave(stripe);
	return noted;
}
