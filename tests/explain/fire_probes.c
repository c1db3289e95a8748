/* SPDX-License-Identifier: BSD-3-Clause */
/* fire_probes.c - does once what fires each probe that needs no poison; prints the arguments */
#include <mcsafe/mcsafe.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int tell(void *at)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AO;
	si.si_addr = at;
	si.si_addr_lsb = 12;
	return (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si);
}

static int replace(void)
{
	int fd = memfd_create("shield", MFD_CLOEXEC);
	unsigned char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	struct mcsafe_shield *shield;

	if (map == MAP_FAILED || mcsafe_shield_open(&shield, map, 4096, NULL) != 0)
		return 0;
	return ((volatile unsigned char *)map)[99] == 0 && mcsafe_shield_lost(shield) == 4096;
}

int main(void)
{
	unsigned char *bad = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_guard guard;
	struct mcsafe_pmem *pmem;
	int fd = memfd_create("probes", MFD_CLOEXEC);
	char byte = 0;

	if (bad == MAP_FAILED || fd < 0 || mcsafe_install() != 0 ||
	    mcsafe_on_notice(NULL, NULL) != 0)
		return 1;
	if (memcpy_mcsafe(&byte, bad + 123, 1) != 1)
		return 2;
	MCSAFE_TRY(&guard, bad, 8192) {
		byte = (char)((volatile unsigned char *)bad)[4321];
	}
	MCSAFE_CATCH(&guard) {
		byte = 1;
	}
	if (byte != 1 || tell(bad + 4096) != 0)
		return 3;
	if (ftruncate(fd, 8192) != 0 || mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE) != 0 ||
	    mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 4096, 4096) != 0 ||
	    mcsafe_pmem_repair(pmem, NULL, 4096, 4096) != 4096)
		return 4;
	mcsafe_pmem_close(pmem);
	if (!replace())
		return 5;
	printf("%#lx\n", (unsigned long)bad);
	return 0;
}
