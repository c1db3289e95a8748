/* SPDX-License-Identifier: BSD-3-Clause */
/* notice_thread.c - ask the kernel to tell this thread about lost memory early */
#include <mcsafe/notice.h>

#include <errno.h>
#include <sys/prctl.h>

#include "base/errno_kept.h"
#include "notice.h"

#define NOT_CHANGED (-1)

/* The policy that this thread had before, PR_MCE_KILL_*. No handler reads it. It is initial-exec
 * all the same, since any other model may allocate. */
static _Thread_local int found __attribute__((tls_model("initial-exec"))) = NOT_CHANGED;

static int tell_me(void)
{
	int policy, err = mcsafe__notice_want();

	if (err != 0 || found != NOT_CHANGED)
		return err;
	policy = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
	if (policy < 0 || prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) != 0)
		return -errno;
	found = policy;
	return 0;
}

static int leave_me(void)
{
	if (found == NOT_CHANGED)
		return 0;
	/* PR_MCE_KILL_DEFAULT removes the policy of the thread. The kernel (mm/memory-failure.c)
	 * then uses the sysctl. */
	if (prctl(PR_MCE_KILL, PR_MCE_KILL_SET, found, 0, 0) != 0)
		return -errno;
	found = NOT_CHANGED;
	return 0;
}

int mcsafe_notice_thread(int on)
{
	MCSAFE__KEEP_ERRNO();

	return on == 1 ? tell_me() : on == 0 ? leave_me() : -EINVAL;
}
