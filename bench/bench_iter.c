/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_iter.c - scatter and gather, against memcpy() and against the kernel's calls
 *
 * For each number of segments and each size of a segment, what one transfer of all of them costs:
 *
 *	scatter	mcsafe_copy_to_iter() from a mapped file
 *	gather	mcsafe_copy_from_iter() to memory
 *	memcpy	a loop of memcpy() over the same segments: dies where the others stop
 *	vm	process_vm_readv() of this process, from the same mapping to the same segments
 *	readv	preadv() of the same file to the same segments
 *
 * Each number is the best of several rounds: the least that the work takes on this machine, which
 * other processes can only make more.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define MAX_SEGS    1024
#define MAX_SIZE    65536
#define ROUNDS      7
#define ROUND_NANOS 5000000.0
#define GAP         64 /* bytes between two segments: they are not neighbours */

static const size_t numbers[] = {1, 4, 16, 1024};
static const size_t sizes[] = {16, 64, 256, 1024, 4096, 65536};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct bench {
	int fd;
	unsigned char *map; /* of the file, MAX_SEGS * MAX_SIZE bytes */
	unsigned char *room;
	struct iovec iov[MAX_SEGS];
	size_t n, total;
};

static struct bench bench;

static void need(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static void run_scatter(void)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, bench.iov, bench.n, SIZE_MAX) == 0 &&
		     mcsafe_copy_to_iter(bench.map, bench.total, &it, NULL) == bench.total,
	     "scatter");
}

static void run_gather(void)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, bench.iov, bench.n, SIZE_MAX) == 0 &&
		     mcsafe_copy_from_iter(bench.map, bench.total, &it, NULL) == bench.total,
	     "gather");
}

static void run_memcpy(void)
{
	const unsigned char *from = bench.map;

	for (size_t i = 0; i < bench.n; i++) {
		memcpy(bench.iov[i].iov_base, from, bench.iov[i].iov_len);
		from += bench.iov[i].iov_len;
	}
}

static void run_vm(void)
{
	struct iovec from = {bench.map, bench.total};

	need(process_vm_readv(getpid(), bench.iov, bench.n, &from, 1, 0) == (ssize_t)bench.total,
	     "process_vm_readv");
}

static void run_readv(void)
{
	need(preadv(bench.fd, bench.iov, (int)bench.n, 0) == (ssize_t)bench.total, "preadv");
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"scatter", run_scatter}, {"gather", run_gather}, {"memcpy", run_memcpy},
	{"vm", run_vm},           {"readv", run_readv},
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double nanos_of(void (*run)(void), size_t times)
{
	double start = now();

	for (size_t i = 0; i < times; i++)
		run();
	return (now() - start) / (double)times;
}

/* Nanoseconds for one transfer. */
static double measure(void (*run)(void))
{
	double best = nanos_of(run, 1), once;
	size_t times;

	once = nanos_of(run, 1);
	times = once < ROUND_NANOS ? (size_t)(ROUND_NANOS / once) + 1 : 1;
	for (int round = 0; round < ROUNDS; round++) {
		double nanos = nanos_of(run, times);

		if (nanos < best)
			best = nanos;
	}
	return best;
}

static void open_bench(void)
{
	size_t size = (size_t)MAX_SEGS * MAX_SIZE, room = (size_t)MAX_SEGS * (MAX_SIZE + GAP);

	bench.fd = memfd_create("bench", MFD_CLOEXEC);
	need(bench.fd >= 0 && ftruncate(bench.fd, (off_t)size) == 0, "memfd");
	bench.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bench.fd, 0);
	bench.room = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(bench.map != MAP_FAILED && bench.room != MAP_FAILED, "mmap");
	memset(bench.map, 1, size);
	memset(bench.room, 2, room);
	need(mcsafe_install() == 0, "mcsafe_install");
}

static void lay_out(size_t n, size_t size)
{
	bench.n = n;
	bench.total = n * size;
	for (size_t i = 0; i < n; i++) {
		bench.iov[i].iov_base = bench.room + i * (size + GAP);
		bench.iov[i].iov_len = size;
	}
}

/* "model name" of /proc/cpuinfo. */
static void cpu_name(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(name, size, "unknown");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
			snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	if (file != NULL)
		fclose(file);
}

static void print_head(bool json)
{
	char cpu[128], when[32];
	struct utsname system;
	double load[1] = {0};
	time_t t = time(NULL);

	cpu_name(cpu, sizeof(cpu));
	uname(&system);
	strftime(when, sizeof(when), "%Y-%m-%d", gmtime(&t));
	(void)!getloadavg(load, 1);
	if (json)
		printf("{\n  \"bench\": \"iter\", \"version\": \"%d.%d.%d\",\n  \"date\": \"%s\", "
		       "\"cpu\": \"%s\", \"kernel\": \"%s\", \"load\": %.2f,\n  \"unit\": "
		       "\"nanoseconds for one transfer\",\n  \"results\": [",
		       MCSAFE_VERSION_MAJOR, MCSAFE_VERSION_MINOR, MCSAFE_VERSION_PATCH, when, cpu,
		       system.release, load[0]);
	else
		printf("%s, Linux %s, %s, load %.2f\nnanoseconds for one transfer, best of %d\n\n"
		       "%8s %8s %10s %10s %10s %10s %10s %16s\n",
		       cpu, system.release, when, load[0], ROUNDS, "segments", "bytes",
		       ways[0].name, ways[1].name, ways[2].name, ways[3].name, ways[4].name,
		       "scatter-memcpy/n");
}

static void print_row(bool json, size_t n, size_t size, const double *nanos)
{
	static bool has_rows;

	if (!json) {
		printf("%8zu %8zu", n, size);
		for (size_t i = 0; i < LENGTH(ways); i++)
			printf(" %10.0f", nanos[i]);
		/* What a segment costs more than in a loop of memcpy(). */
		printf(" %16.1f\n", (nanos[0] - nanos[2]) / (double)n);
		return;
	}
	printf("%s\n    {\"segments\": %zu, \"bytes\": %zu", has_rows ? "," : "", n, size);
	for (size_t i = 0; i < LENGTH(ways); i++)
		printf(", \"%s\": %.1f", ways[i].name, nanos[i]);
	printf("}");
	has_rows = true;
}

static void run_all(bool json)
{
	print_head(json);
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		for (size_t j = 0; j < LENGTH(sizes); j++) {
			double nanos[LENGTH(ways)];

			lay_out(numbers[i], sizes[j]);
			for (size_t way = 0; way < LENGTH(ways); way++)
				nanos[way] = measure(ways[way].run);
			print_row(json, numbers[i], sizes[j], nanos);
			fflush(stdout);
		}
	}
	if (json)
		printf("\n  ]\n}\n");
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "jh", names, NULL)) != -1) {
		if (option != 'j') {
			fprintf(option == 'h' ? stdout : stderr, "usage: bench_iter [--json]\n");
			return option == 'h' ? EXIT_SUCCESS : 2;
		}
		json = true;
	}
	if (argc != optind) {
		fprintf(stderr, "usage: bench_iter [--json]\n");
		return 2;
	}
	open_bench();
	run_all(json);
	return EXIT_SUCCESS;
}
