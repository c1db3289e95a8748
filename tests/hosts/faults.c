/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * faults.c - copies from bad memory, for hosts that are not written in C
 *
 * A host loads this as a library. The checks of the kit would end the process of the host, so an
 * error is returned to the host instead.
 */
#include "faults.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"

static char *past_end, *protected_page;
static _Atomic int stop;
static _Atomic long n_faults, n_wrong;
static pthread_t threads[2];

static int make_memory(void)
{
	int fd = memfd_create("host", MFD_CLOEXEC);
	char *map;

	if (past_end != NULL)
		return 0;
	if (fd < 0 || ftruncate(fd, T_PAGE) != 0)
		return -1;
	map = mmap(NULL, 2 * T_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	protected_page =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || protected_page == MAP_FAILED)
		return -1;
	protected_page += T_PAGE;
	if (mprotect(protected_page, T_PAGE, PROT_NONE) != 0)
		return -1;
	past_end = map + T_PAGE;
	return 0;
}

int faults_install(void)
{
	if (make_memory() != 0 || mcsafe_install() != 0)
		return -1;
	return mcsafe_installed() ? 0 : -1;
}

int faults_recover(int n)
{
	char dst[64];

	for (int i = 0; i < n; i++) {
		size_t good = (size_t)i % 33;

		if (memcpy_mcsafe(dst, past_end - good, sizeof(dst)) != sizeof(dst) - good ||
		    memcpy_mcsafe(dst, protected_page - good, sizeof(dst)) != sizeof(dst) - good)
			return -1;
	}
	return 0;
}

static void *run(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (faults_recover(50) != 0)
			atomic_fetch_add(&n_wrong, 1);
		atomic_fetch_add(&n_faults, 100);
	}
	return NULL;
}

int faults_start(void)
{
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, run, NULL) != 0)
			return -1;
	return 0;
}

long faults_stop(void)
{
	/* Some faults must have happened at the same time, however fast the host was. */
	while (atomic_load(&n_faults) < 1000)
		usleep(1000);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return atomic_load(&n_wrong) == 0 ? atomic_load(&n_faults) : -1;
}

void *faults_bad_address(void)
{
	return protected_page;
}
