/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.c - send the calling thread a notice of lost memory: BUS_MCEERR_AO */
#include "injection.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/errno_kept.h"

/* The kernel lets a thread send a si_code above 0 only to itself (rt_sigqueueinfo(2)). */
int mcsafe_inject_notice(void *addr, size_t extent)
{
	MCSAFE__KEEP_ERRNO();
	int error = 0;
	siginfo_t si;

	if (extent < MCSAFE__PAGE || (extent & (extent - 1)) != 0)
		return mcsafe__inject_fail(-EINVAL, "extent must be a power of two from 4096 up");
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AO;
	si.si_addr = addr;
	si.si_addr_lsb = (short)__builtin_ctzl(extent);
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si) != 0)
		error = mcsafe__inject_fail(-errno, "rt_tgsigqueueinfo(2) failed");
	return error;
}
