/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.c - a reader of a mapped file while another thread repairs the file */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "pmem_file.h"

#define FILE_SIZE ((size_t)4 << 20)
#define REPAIRED  ((size_t)65536) /* bytes in one repair, past the half that is read */

struct repaired {
	struct mcsafe_pmem *pmem;
	unsigned char *buffer;
	atomic_bool stop, started;
	unsigned processor; /* that the reader runs on */
};

static double alone(const void *work, size_t calls)
{
	const struct repaired *r = work;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++)
		need(mcsafe_pmem_pread(r->pmem, r->buffer, 4096, (off_t)(i % 16 * 4096), NULL) ==
			     4096,
		     "a short read");
	return now_ns() - start;
}

static void *keep_repairing(void *arg)
{
	struct repaired *r = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((r->processor + 1) % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	while (!atomic_load(&r->stop)) {
		need(mcsafe_pmem_repair(r->pmem, NULL, REPAIRED, FILE_SIZE / 2) ==
			     (ssize_t)REPAIRED,
		     "mcsafe_pmem_repair");
		atomic_store(&r->started, true);
	}
	return NULL;
}

static double beside(const void *work, size_t calls)
{
	struct repaired *r = (struct repaired *)(uintptr_t)work;
	pthread_t thread;
	double ns;

	r->processor = (unsigned)sched_getcpu();
	atomic_store(&r->stop, false);
	atomic_store(&r->started, false);
	need(pthread_create(&thread, NULL, keep_repairing, r) == 0, "pthread_create");
	while (!atomic_load(&r->started))
		usleep(10);
	ns = alone(work, calls);
	atomic_store(&r->stop, true);
	pthread_join(thread, NULL);
	return ns;
}

void bench_repair(void)
{
	struct contest contest = {.count = 0};
	struct repaired r = {.buffer = get_memory(PMEM_STEP)};
	int file = pmem_file_make(FILE_SIZE, r.buffer);

	r.pmem = pmem_file_map(file, r.buffer, FILE_SIZE / 2);
	contest_add(&contest, "alone", alone);
	contest_add(&contest, "beside a repair", beside);
	contest_run(&contest, "repair", "", 4096, &r, effort.sample_ns > 2000 ? 10000 : 10);
	mcsafe_pmem_close(r.pmem);
	close(file);
	put_memory(r.buffer, PMEM_STEP);
}
