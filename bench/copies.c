/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.c - copies of every length, alignment and temperature, by everything that can copy */
#include "bench.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "engine.h"

/* Room for offsets, and for a load or two behind. */
#define MARGIN 8192

static unsigned char *from, *to;
static size_t room;
static int file = -1; /* with the bytes of from */
static volatile unsigned sink;

/* The result counts: it is added up, so that no call can be left out. */
typedef uintptr_t copy_fn(void *dst, const void *src, size_t n);

/* ---- what is measured: every one is called through a pointer ------------------------------- */

static uintptr_t by_libc(void *dst, const void *src, size_t n)
{
	return (uintptr_t)memcpy(dst, src, n);
}

static uintptr_t by_mcsafe(void *dst, const void *src, size_t n)
{
	return mcsafe_memcpy(dst, src, n, NULL);
}

static uintptr_t by_setjmp_mask(void *dst, const void *src, size_t n)
{
	sigjmp_buf back;

	if (sigsetjmp(back, 1) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

static uintptr_t by_setjmp(void *dst, const void *src, size_t n)
{
	sigjmp_buf back;

	if (sigsetjmp(back, 0) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

static uintptr_t by_process_vm_readv(void *dst, const void *src, size_t n)
{
	struct iovec local = {dst, n}, remote = {(void *)(uintptr_t)src, n};

	return (uintptr_t)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static uintptr_t by_pread(void *dst, const void *src, size_t n)
{
	return (uintptr_t)pread(file, dst, n, (const unsigned char *)src - from);
}

/* An engine, as the entry points call it. */
#define BY_ENGINE(name)                                           \
 static uintptr_t by_##name(void *dst, const void *src, size_t n) \
 {                                                                \
  struct mcsafe__landing landing;                                 \
                                                                  \
  return mcsafe__copy_##name(dst, src, n, &landing);              \
 }
BY_ENGINE(avx512)
BY_ENGINE(avx2)
BY_ENGINE(nt_avx2)
BY_ENGINE(nt_avx512)
BY_ENGINE(sse2)
BY_ENGINE(erms)
BY_ENGINE(word)

static struct contender {
	const char *name;
	copy_fn *copy;
	const char *engine; /* that the processor must be able to run */
	bool possible;
} contenders[] = {
	{"libc", by_libc, NULL, true},
	{"mcsafe_memcpy", by_mcsafe, NULL, true},
	{"avx512", by_avx512, "avx512", false},
	{"nt_avx512", by_nt_avx512, "avx512", false},
	{"avx2", by_avx2, "avx2", false},
	{"nt_avx2", by_nt_avx2, "avx2", false},
	{"sse2", by_sse2, "sse2", false},
	{"erms", by_erms, "erms", false},
	{"word", by_word, "word", false},
	{"sigsetjmp(,1)+memcpy", by_setjmp_mask, NULL, true},
	{"sigsetjmp(,0)+memcpy", by_setjmp, NULL, true},
	{"process_vm_readv", by_process_vm_readv, NULL, true},
	{"pread", by_pread, NULL, true},
};
#define N_CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static void find_possible(void)
{
	for (size_t i = 0; i < N_CONTENDERS; i++)
		for (size_t k = 0; k < mcsafe__n_engines; k++)
			if (contenders[i].engine != NULL &&
			    strcmp(contenders[i].engine, mcsafe__engines[k].name) == 0)
				contenders[i].possible =
					mcsafe__engine_is_possible(&mcsafe__engines[k]);
}

/* ---- where ---------------------------------------------------------------------------------- */

enum layout { LINE_ALIGNED, ODD, RANDOM, COLD, LAYOUTS };
static const char *const layout_names[] = {"aligned", "odd", "random", "cold"};

#define N_PLACES 8192 /* more than any branch predictor remembers */
static struct place {
	uint32_t src, dst;
} places[N_PLACES];

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void lay_out(enum layout layout, size_t n)
{
	for (size_t i = 0; i < N_PLACES; i++) {
		struct place *place = &places[i];

		switch (layout) {
		case ODD:
			*place = (struct place){13, 37};
			break;
		case RANDOM:
			*place = (struct place){(uint32_t)(next_random() % 4096),
						(uint32_t)(next_random() % 4096)};
			break;
		case COLD: /* anywhere: neither in the caches nor in the TLB */
			*place = (struct place){(uint32_t)(next_random() % (room - n)),
						(uint32_t)(next_random() % (room - n))};
			break;
		default:
			*place = (struct place){0, 0};
		}
	}
}

/* ---- how long --------------------------------------------------------------------------------- */

static double time_of(copy_fn *volatile copy, size_t n, size_t times)
{
	double start = now_ns();
	uintptr_t sum = 0;

	for (size_t i = 0; i < times; i++)
		sum += copy(to + places[i % N_PLACES].dst, from + places[i % N_PLACES].src, n);
	sink += to[n / 2] + (unsigned)sum;
	return (now_ns() - start) / (double)times;
}

static size_t times_for(const struct effort *effort, size_t n)
{
	size_t times = effort->bytes / (n + 256) + 1;

	return times < 20000 ? times : 20000;
}

static void bench_length(const struct effort *effort, enum layout layout, size_t n)
{
	unsigned repeats = n >= (size_t)4 << 20 ? effort->repeats / 3 + 1 : effort->repeats;
	double best[N_CONTENDERS];

	lay_out(layout, n);
	for (size_t i = 0; i < N_CONTENDERS; i++) {
		best[i] = 1e30;
		if (contenders[i].possible)
			time_of(contenders[i].copy, n, 1); /* pages, caches, and lazy binding */
	}
	for (unsigned r = 0; r < repeats; r++)
		for (size_t i = 0; i < N_CONTENDERS; i++)
			if (contenders[i].possible) {
				double t = time_of(contenders[i].copy, n, times_for(effort, n));

				best[i] = t < best[i] ? t : best[i];
			}
	printf("{\"layout\": \"%s\", \"n\": %zu, \"ns\": {", layout_names[layout], n);
	for (size_t i = 0, k = 0; i < N_CONTENDERS; i++)
		if (contenders[i].possible)
			printf("%s\"%s\": %.2f", k++ ? ", " : "", contenders[i].name, best[i]);
	printf("}},\n");
	fflush(stdout);
}

/* Every power of two, and the half-way points below 1 KiB. */
static size_t next_length(size_t n)
{
	if (n < 4 || n > 1024)
		return n * 2;
	return (n & (n - 1)) == 0 ? n + n / 2 : n / 3 * 4;
}

/* ---- who reads it next ----------------------------------------------------------------------- */

static double time_with_reader(copy_fn *volatile copy, size_t n)
{
	double start = now_ns();
	unsigned sum = 0;

	copy(to, from, n);
	for (size_t i = 0; i < n; i += 64)
		sum += to[i];
	sink += sum;
	return now_ns() - start;
}

static void bench_reader(const struct effort *effort, size_t n)
{
	static const size_t who[] = {0, 1, 2, 3}; /* libc, mcsafe_memcpy, avx2, nt_avx2 */
	double best[4] = {1e30, 1e30, 1e30, 1e30};

	for (unsigned r = 0; r < effort->repeats; r++)
		for (size_t i = 0; i < 4; i++)
			if (contenders[who[i]].possible) {
				double t = time_with_reader(contenders[who[i]].copy, n);

				best[i] = t < best[i] ? t : best[i];
			}
	printf("{\"n\": %zu, \"ns\": {\"libc\": %.0f, \"mcsafe_memcpy\": %.0f", n, best[0],
	       best[1]);
	if (contenders[2].possible)
		printf(", \"avx2\": %.0f, \"nt_avx2\": %.0f", best[2], best[3]);
	printf("}},\n");
}

/* ---- threads ----------------------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	copy_fn *copy;
	size_t start, n, times;
};

static void *work(void *arg)
{
	const struct worker *worker = arg;

	for (size_t i = 0; i < worker->times; i++)
		worker->copy(to + worker->start, from + worker->start, worker->n);
	return NULL;
}

static double time_of_threads(copy_fn *copy, size_t n_threads, size_t n, size_t times)
{
	struct worker workers[16];
	double start = now_ns();

	for (size_t i = 0; i < n_threads; i++) {
		workers[i] = (struct worker){
			.copy = copy, .start = i * (n + 4096), .n = n, .times = times};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			exit(1);
	}
	for (size_t i = 0; i < n_threads; i++)
		pthread_join(workers[i].thread, NULL);
	return now_ns() - start;
}

static void bench_threads(const struct effort *effort)
{
	const size_t n = effort->longest < 65536 ? 4096 : 262144;
	const size_t times = effort->bytes * 16 / n + 1;

	for (size_t n_threads = 1; n_threads <= 4; n_threads *= 2) {
		double best[2] = {1e30, 1e30};

		if (n_threads * (n + 4096) > room)
			break;
		for (unsigned r = 0; r < effort->repeats; r++)
			for (size_t i = 0; i < 2; i++) {
				double t = time_of_threads(contenders[i].copy, n_threads, n, times);

				best[i] = t < best[i] ? t : best[i];
			}
		printf("{\"threads\": %zu, \"n\": %zu, \"bytes_per_ns\": {\"libc\": %.2f, "
		       "\"mcsafe_memcpy\": %.2f}},\n",
		       n_threads, n, (double)(n * times * n_threads) / best[0],
		       (double)(n * times * n_threads) / best[1]);
	}
}

void bench_copies(const struct effort *effort)
{
	room = effort->longest + MARGIN;
	from = get_memory(room, 1);
	to = get_memory(room, 2);
	file = memfd_create("bench", MFD_CLOEXEC);
	for (size_t at = 0; at < room;) {
		ssize_t n = pwrite(file, from + at, room - at, (off_t)at);

		if (n <= 0)
			exit(1);
		at += (size_t)n;
	}
	find_possible();

	printf("\"copies\": [\n");
	for (enum layout layout = LINE_ALIGNED; layout < LAYOUTS; layout++)
		for (size_t n = 1; n <= effort->longest; n = next_length(n))
			if (layout != COLD || n <= effort->longest / 64)
				bench_length(effort, layout, n);
	printf("null],\n\"then_read\": [\n");
	for (size_t n = 4096; n <= effort->longest; n *= 4)
		bench_reader(effort, n);
	printf("null],\n\"threads\": [\n");
	bench_threads(effort);
	printf("null],\n");
	munmap(from, room);
	munmap(to, room);
	close(file);
}
