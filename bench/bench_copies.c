/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_copies.c - copies of every length and alignment, cached or not, by every way to copy */
#include "bench.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "asm/routines.h"
#include "base/cpu.h"

/* Room for offsets, and for a load or two past the end. */
#define MARGIN 8192

static unsigned char *from, *to;
static size_t room;
static int file = -1; /* with the same content as from */
static volatile unsigned sink;

/*
 * The results are added up, so that the compiler cannot leave out a call. Every function is called
 * through a pointer of this type, including memcpy(), and without a wrapper: one more jump costs a
 * third of a short copy. (x86-64 psABI: a function ignores arguments that it does not have, and
 * pointers are returned in the same register as integers.)
 */
typedef uintptr_t copy_fn(void *dst, const void *src, size_t n, void *nothing);

#define AS_COPY(function) ((copy_fn *)(void (*)(void))(function))

/* ---- what is measured ------------------------------------------------------------------------ */

static uintptr_t by_record(void *dst, const void *src, size_t n, void *nothing)
{
	static struct mcsafe_fault record;

	(void)nothing;
	return mcsafe_memcpy(dst, src, n, &record);
}

static uintptr_t by_setjmp_mask(void *dst, const void *src, size_t n, void *nothing)
{
	sigjmp_buf back;

	(void)nothing;
	if (sigsetjmp(back, 1) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

static uintptr_t by_setjmp(void *dst, const void *src, size_t n, void *nothing)
{
	sigjmp_buf back;

	(void)nothing;
	if (sigsetjmp(back, 0) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

static uintptr_t by_process_vm_readv(void *dst, const void *src, size_t n, void *nothing)
{
	struct iovec local = {dst, n}, remote = {(void *)(uintptr_t)src, n};

	(void)nothing;
	return (uintptr_t)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static uintptr_t by_pread(void *dst, const void *src, size_t n, void *nothing)
{
	(void)nothing;
	return (uintptr_t)pread(file, dst, n, (const unsigned char *)src - from);
}

static const struct contender {
	const char *name;
	copy_fn *copy;
	const char *engine; /* to set for this copy; NULL: the one that was chosen */
	bool is_plain;      /* a copy and nothing else: measured by every benchmark of copies */
	struct mcsafe__routine is;
} contenders[] = {
	{"libc", AS_COPY(memcpy), NULL, true, {0}},
	{"memcpy_mcsafe", AS_COPY(memcpy_mcsafe), NULL, true, {0}},
	{"mcsafe_memcpy", by_record, NULL, false, {0}},
/* memcpy_mcsafe() with each engine, and the routines that bypass the caches. */
#define ENGINE(name_, ...)  {#name_, AS_COPY(memcpy_mcsafe), #name_, true, {0}},
#define COPY_NT(name_, ...) {#name_, AS_COPY(mcsafe__copy_##name_), NULL, true, {__VA_ARGS__}},
#include "asm/engines.def"
	{"sigsetjmp(,1)+memcpy", by_setjmp_mask, NULL, false, {0}},
	{"sigsetjmp(,0)+memcpy", by_setjmp, NULL, false, {0}},
	{"process_vm_readv", by_process_vm_readv, NULL, false, {0}},
	{"pread", by_pread, NULL, false, {0}},
};
#define N_CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static const char *chosen; /* the engine that was in use at the start */

/* Sets the engine of the contender. Returns false if this processor cannot run it. */
static bool begin(const struct contender *contender)
{
	return (contender->is.needs & ~mcsafe__cpu_features()) == 0 &&
	       (contender->engine == NULL || mcsafe_engine_set(contender->engine) == 0);
}

static void end(void)
{
	if (mcsafe_engine_set(chosen) != 0)
		exit(1);
}

/* ---- where ---------------------------------------------------------------------------------- */

enum layout { LINE_ALIGNED, ODD, RANDOM, COLD, LAYOUTS };
static const char *const layout_names[] = {"aligned", "odd", "random", "cold"};

#define N_PLACES 8192 /* more than a branch predictor remembers */
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

#define IMPOSSIBLE 1e30 /* nanoseconds */

/* ---- how long -------------------------------------------------------------------------------- */

/*
 * The first call is not timed: it finds caches and branch predictors as another contender has left
 * them, which may have bypassed the caches.
 */
static double time_of(copy_fn *volatile copy, size_t n, size_t times)
{
	const struct place *last = &places[N_PLACES - 1];
	uintptr_t sum = copy(to + last->dst, from + last->src, n, NULL);
	double start = now_ns();

	for (size_t i = 0; i < times; i++)
		sum += copy(to + places[i % N_PLACES].dst, from + places[i % N_PLACES].src, n,
			    NULL);
	sink += to[n / 2] + (unsigned)sum;
	return (now_ns() - start) / (double)times;
}

static double better(double best, double t)
{
	return t < best ? t : best;
}

/*
 * How many copies to make between two looks at the clock. A run is short, so that there can be many
 * runs: other guests of the same host may slow this machine down for milliseconds at a time.
 */
static size_t times_for(const struct effort *effort, double ns)
{
	if (ns == IMPOSSIBLE)
		return 10;
	return effort->run_ns > ns ? (size_t)(effort->run_ns / ns) : 1;
}

/* More repeats for shorter copies: a single cycle matters there, and a repeat costs little. */
static unsigned repeats_for(const struct effort *effort, size_t n)
{
	if (n < 4096)
		return effort->repeats * 24;
	if (n < 65536)
		return effort->repeats * 8;
	return n < (size_t)4 << 20 ? effort->repeats : effort->repeats / 3 + 1;
}

/* Prints the end of a JSON object, of which the caller has printed the beginning. */
static void print_times(size_t n, const double *best)
{
	printf("\"n\": %zu, \"ns\": {", n);
	for (size_t i = 0, k = 0; i < N_CONTENDERS; i++)
		if (best[i] != IMPOSSIBLE)
			printf("%s\"%s\": %.2f", k++ ? ", " : "", contenders[i].name, best[i]);
	printf("}},\n");
	fflush(stdout);
}

static void bench_length(const struct effort *effort, enum layout layout, size_t n)
{
	double best[N_CONTENDERS];

	lay_out(layout, n);
	for (size_t i = 0; i < N_CONTENDERS; i++)
		best[i] = IMPOSSIBLE;
	for (unsigned r = 0; r < repeats_for(effort, n); r++)
		for (size_t i = 0; i < N_CONTENDERS; i++) {
			if (layout == COLD) /* a contender must not find what another has cached */
				lay_out(layout, n);
			if (begin(&contenders[i]))
				best[i] = better(best[i], time_of(contenders[i].copy, n,
								  times_for(effort, best[i])));
			end();
		}
	printf("{\"layout\": \"%s\", ", layout_names[layout]);
	print_times(n, best);
}

/* All powers of two; below 8 KiB also the middle between two of them. */
static size_t next_length(size_t n)
{
	if (n < 4 || n >= 8192)
		return n * 2;
	return (n & (n - 1)) == 0 ? n + n / 2 : n / 3 * 4;
}

/* ---- a copy and its reader ------------------------------------------------------------------- */

static double time_with_reader(copy_fn *volatile copy, size_t n)
{
	double start = 0;
	unsigned sum = 0;

	for (int round = 0; round < 2; round++) { /* the first is not timed, as above */
		start = now_ns();
		copy(to, from, n, NULL);
		for (size_t i = 0; i < n; i += 64)
			sum += to[i];
	}
	sink += sum;
	return now_ns() - start;
}

static void bench_reader(const struct effort *effort, size_t n)
{
	double best[N_CONTENDERS];

	for (size_t i = 0; i < N_CONTENDERS; i++)
		best[i] = IMPOSSIBLE;
	for (unsigned r = 0; r < effort->repeats; r++)
		for (size_t i = 0; i < N_CONTENDERS; i++) {
			if (contenders[i].is_plain && begin(&contenders[i]))
				best[i] = better(best[i], time_with_reader(contenders[i].copy, n));
			end();
		}
	printf("{");
	print_times(n, best);
}

/*
 * A byte of each copy decides where the next copy begins, so the next copy waits for that byte.
 * This measures the latency of a copy, and not how many copies can overlap.
 */
static double time_of_chain(copy_fn *volatile copy, size_t n, size_t times)
{
	double start = now_ns();
	size_t at = 0;

	for (size_t i = 0; i < times; i++) {
		copy(to, from + 64 * (at & 3), n, NULL);
		at = ((volatile unsigned char *)to)[n / 2];
	}
	return (now_ns() - start) / (double)times;
}

static void bench_chain(const struct effort *effort, size_t n)
{
	double best[N_CONTENDERS];

	for (size_t i = 0; i < N_CONTENDERS; i++)
		best[i] = IMPOSSIBLE;
	for (unsigned r = 0; r < repeats_for(effort, n); r++)
		for (size_t i = 0; i < N_CONTENDERS; i++) {
			if (contenders[i].is_plain && begin(&contenders[i]))
				best[i] =
					better(best[i], time_of_chain(contenders[i].copy, n,
								      times_for(effort, best[i])));
			end();
		}
	printf("{");
	print_times(n, best);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	copy_fn *copy;
	size_t start, n, times;
	unsigned number;
};

static void *work(void *arg)
{
	const struct worker *worker = arg;

	move_from(0, worker->number);
	for (size_t i = 0; i < worker->times; i++)
		worker->copy(to + worker->start, from + worker->start, worker->n, NULL);
	return NULL;
}

static double time_of_threads(copy_fn *copy, size_t n_threads, size_t n, size_t times)
{
	struct worker workers[16];
	double start = now_ns();

	for (size_t i = 0; i < n_threads; i++) {
		workers[i] = (struct worker){
			.copy = copy,
			.start = i * (n + 4096),
			.n = n,
			.times = times,
			.number = (unsigned)i,
		};
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
	const size_t times = effort->bytes / n + 1;

	for (size_t n_threads = 1; n_threads <= 4; n_threads *= 2) {
		double best[2] = {IMPOSSIBLE, IMPOSSIBLE};

		if (n_threads * (n + 4096) > room)
			break;
		for (unsigned r = 0; r < effort->repeats; r++)
			for (size_t i = 0; i < 2; i++) {
				best[i] = better(best[i], time_of_threads(contenders[i].copy,
									  n_threads, n, times));
			}
		printf("{\"threads\": %zu, \"n\": %zu, \"bytes_per_ns\": {\"libc\": %.2f, "
		       "\"memcpy_mcsafe\": %.2f}},\n",
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
	chosen = mcsafe_engine_name();

	printf("\"copies\": [\n");
	for (enum layout layout = LINE_ALIGNED; layout < LAYOUTS; layout++)
		for (size_t n = 1; n <= effort->longest; n = next_length(n))
			if (layout != COLD || n <= effort->longest / 64)
				bench_length(effort, layout, n);
	printf("null],\n\"chain\": [\n");
	for (size_t n = 8; n <= 512; n *= 2)
		bench_chain(effort, n);
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
