/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_poison.c - random scatter and gather over a file with a poisoned page, against a byte-wise
 * model, and against what the kernel's own calls deliver
 *
 * In the guest of tests/vm the page is really lost (MADV_HWPOISON). Elsewhere a marker in the page
 * table stands in for that (UFFDIO_POISON): then only the mapping is bad, and not the file.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "poison.h"
#include "rng.h"
#include "run.h"

#define CASES    3000
#define SIZE     (16 * T_PAGE)
#define BAD      (8 * T_PAGE) /* offset of the page that is lost */
#define MAX_SEGS 6
#define MAX_LEN  ((size_t)3000)
#define ROOM     (MAX_SEGS * MAX_LEN)
#define FILL     0xee /* no byte of the pattern */

static struct mapping file;
static bool is_real;
static unsigned char expected[SIZE]; /* what the mapping holds, apart from the lost page */
static unsigned char room[ROOM], want[ROOM];

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 25);
}

static void open_file(void)
{
	char why[256];
	enum poison_kind kind;

	is_real = getenv("MCSAFE_GUEST") != NULL;
	kind = is_real ? POISON_HWPOISON : POISON_UFFD;
	file.size = SIZE;
	file.fd = memfd_create("poison", MFD_CLOEXEC);
	assert_true(file.fd >= 0);
	assert_int_equal(ftruncate(file.fd, (off_t)SIZE), 0);
	file.start = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	assert_true(file.start != MAP_FAILED);
	for (size_t i = 0; i < SIZE; i++)
		file.start[i] = expected[i] = pattern(i);
	if (poison_inject(kind, &file, BAD, T_PAGE, why, sizeof(why)) != 0) {
		if (is_real)
			fail_msg("%s", why);
		t_skip("%s", why);
	}
	print_message("%s\n", poison_kind_means(kind));
}

static void close_file(void)
{
	/* The kernel must not have been led to touch the page in any other way. */
	assert_memory_equal(file.start, expected, BAD);
	assert_memory_equal(file.start + BAD + T_PAGE, expected + BAD + T_PAGE,
			    SIZE - BAD - T_PAGE);
	munmap(file.start, SIZE);
	close(file.fd);
}

static bool is_lost(size_t offset)
{
	return offset >= BAD && offset < BAD + T_PAGE;
}

/* Bytes that can be accessed from that offset on, n at most. */
static size_t good_bytes(size_t offset, size_t n)
{
	size_t good = 0;

	while (good < n && !is_lost(offset + good))
		good++;
	return good;
}

/* An offset that lets len bytes reach the lost page often. */
static size_t pick_offset(struct t_rng *rng, size_t len)
{
	size_t far = t_rng_below(rng, SIZE - len);
	size_t before = t_rng_below(rng, len + 80);

	return t_rng_below(rng, 3) == 0 ? far : BAD + 40 - before;
}

/* Segments of ordinary memory, one behind the other with gaps; their bytes in all. */
static size_t pick_room(struct t_rng *rng, struct iovec *iov, size_t *n)
{
	size_t total = 0;

	*n = 1 + t_rng_below(rng, MAX_SEGS);
	for (size_t i = 0; i < *n; i++) {
		iov[i].iov_base = room + i * MAX_LEN;
		iov[i].iov_len = t_rng_below(rng, t_rng_below(rng, 4) ? 100 : MAX_LEN);
		total += iov[i].iov_len;
	}
	return total;
}

/* One segment of the mapping near the lost page, or far from it. */
static struct iovec pick_part(struct t_rng *rng)
{
	size_t len = t_rng_below(rng, t_rng_below(rng, 4) ? 100 : MAX_LEN);
	struct iovec iov = {file.start + pick_offset(rng, len), len};

	return iov;
}

/* One for page i around the lost one. None runs into the next but into the lost page: so no two
 * overlap where they can be written. */
static struct iovec pick_disjoint_part(struct t_rng *rng, size_t i)
{
	size_t page = BAD / T_PAGE - MAX_SEGS / 2 + i;
	size_t start = t_rng_below(rng, T_PAGE), len = t_rng_below(rng, MAX_LEN);
	struct iovec iov = {file.start + page * T_PAGE + start, len};

	if (start + len > T_PAGE && page + 1 != BAD / T_PAGE)
		iov.iov_len = T_PAGE - start;
	return iov;
}

static size_t offset_of(const struct iovec *iov)
{
	return (size_t)((unsigned char *)iov->iov_base - file.start);
}

/* The bytes of all segments before the first one that is lost. */
static size_t good_of(const struct iovec *iov, size_t n)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		size_t part = good_bytes(offset_of(&iov[i]), iov[i].iov_len);

		good += part;
		if (part < iov[i].iov_len)
			break;
	}
	return good;
}

static size_t total_of(const struct iovec *iov, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

static void check_record(const struct mcsafe_fault *fault, enum mcsafe_side side)
{
	size_t at = (size_t)((unsigned char *)fault->addr - file.start);

	assert_int_equal(fault->signo, SIGBUS);
	assert_int_equal(fault->side, side);
	assert_true(is_lost(at));
	/* A kernel that may lose memory says so for a marker, too; see fault.h. */
	if (is_real || fault->cause == MCSAFE_CAUSE_POISON) {
		assert_int_equal(fault->cause, MCSAFE_CAUSE_POISON);
		assert_int_equal(fault->extent, T_PAGE);
	} else {
		assert_int_equal(fault->cause, MCSAFE_CAUSE_IO);
	}
}

struct score {
	const char *call;
	size_t stopped, less;
};

static void compare(struct score *score, size_t ours, ssize_t kernel)
{
	assert_true(kernel <= 0 || ours >= (size_t)kernel);
	score->less += ours > (kernel > 0 ? (size_t)kernel : 0);
}

static void print_score(const struct score *score)
{
	print_message("%d cases, %zu stopped; %s delivered less in %zu\n", CASES, score->stopped,
		      score->call, score->less);
	assert_true(score->stopped > CASES / 20);
	assert_true(score->stopped < CASES);
}

/* ---- from the lost page to segments of good memory ------------------------------------------ */

static void test_scatter_stops_where_poison_begins(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	struct score vm = {"process_vm_readv()", 0, 0}, pread = {"preadv()", 0, 0};

	(void)state;
	t_install();
	open_file();
	for (int i = 0; i < CASES; i++) {
		struct iovec iov[MAX_SEGS], from;
		struct mcsafe_fault fault = {0};
		struct mcsafe_iter it;
		size_t n, total = pick_room(&rng, iov, &n), at = pick_offset(&rng, total);
		size_t good = good_bytes(at, total), done = 0;

		memset(room, FILL, sizeof(room));
		memset(want, FILL, sizeof(want));
		for (size_t seg = 0; seg < n; seg++)
			for (size_t byte = 0; byte < iov[seg].iov_len && done < good; byte++)
				want[seg * MAX_LEN + byte] = expected[at + done++];
		assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, n, SIZE_MAX),
				 0);
		assert_int_equal(mcsafe_copy_to_iter(file.start + at, total, &it, &fault), good);
		assert_memory_equal(room, want, sizeof(room));
		assert_int_equal(mcsafe_iter_count(&it), total - good);
		if (good < total) {
			check_record(&fault, MCSAFE_SIDE_SOURCE);
			assert_int_equal(mcsafe_iter_error(&it), -mcsafe_fault_errno(&fault));
			/* Again, it is the same; and with zeros it goes on. */
			assert_int_equal(copy_to_iter_mcsafe(file.start + at + good, total, &it),
					 0);
			assert_int_equal(mcsafe_iter_zero(SIZE_MAX, &it, NULL), total - good);
		}
		vm.stopped += good < total;
		pread.stopped += good < total;
		from.iov_base = file.start + at;
		from.iov_len = total;
		compare(&vm, good, process_vm_readv(getpid(), iov, n, &from, 1, 0));
		if (is_real)
			compare(&pread, good, preadv(file.fd, iov, (int)n, (off_t)at));
	}
	print_score(&vm);
	if (is_real)
		print_score(&pread);
	close_file();
}

/* ---- from segments that are lost in part --------------------------------------------------- */

/* A source over the parts, of any flavour that has more than one segment. */
static void begin_source(struct t_rng *rng, struct mcsafe_iter *it, const struct iovec *iov,
			 struct mcsafe_bvec *bvec, const struct mcsafe_region *region, size_t n)
{
	size_t how = t_rng_below(rng, 3);

	for (size_t i = 0; i < n; i++) {
		bvec[i].region = region;
		bvec[i].offset = offset_of(&iov[i]);
		bvec[i].len = iov[i].iov_len;
	}
	if (how == 0)
		assert_int_equal(mcsafe_iter_bvec(it, MCSAFE_SIDE_SOURCE, bvec, n, SIZE_MAX), 0);
	else if (how == 1)
		assert_int_equal(mcsafe_iter_kvec(it, MCSAFE_SIDE_SOURCE, iov, n, SIZE_MAX), 0);
	else
		assert_int_equal(mcsafe_iter_iovec(it, MCSAFE_SIDE_SOURCE, iov, n, SIZE_MAX), 0);
}

/* The good bytes of the parts, up to the first that is lost. */
static void collect(const struct iovec *iov, size_t n, size_t good)
{
	size_t done = 0;

	memset(want, FILL, sizeof(want));
	for (size_t seg = 0; seg < n; seg++) {
		size_t offset = offset_of(&iov[seg]);

		for (size_t byte = 0; byte < iov[seg].iov_len && done < good; byte++)
			want[done++] = expected[offset + byte];
	}
}

static void test_gather_stops_where_poison_begins(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 1);
	struct mcsafe_region region = {file.start, SIZE};
	struct score score = {"pwritev()", 0, 0};
	int sink = memfd_create("sink", MFD_CLOEXEC);

	(void)state;
	t_install();
	open_file();
	region.base = file.start;
	assert_true(sink >= 0);
	for (int i = 0; i < CASES; i++) {
		struct iovec iov[MAX_SEGS];
		struct mcsafe_bvec bvec[MAX_SEGS];
		struct mcsafe_fault fault = {0};
		struct mcsafe_iter from, again, to;
		size_t n = 1 + t_rng_below(&rng, MAX_SEGS), good, total;

		for (size_t seg = 0; seg < n; seg++)
			iov[seg] = pick_part(&rng);
		good = good_of(iov, n);
		total = total_of(iov, n);
		collect(iov, n, good);
		begin_source(&rng, &from, iov, bvec, &region, n);
		again = from;

		memset(room, FILL, sizeof(room));
		assert_int_equal(mcsafe_copy_from_iter(room, SIZE_MAX / 2, &from, &fault), good);
		assert_memory_equal(room, want, sizeof(room));
		assert_int_equal(mcsafe_iter_count(&from), total - good);
		if (good < total)
			check_record(&fault, MCSAFE_SIDE_SOURCE);
		score.stopped += good < total;

		/* The same into a file, and compared with what the kernel writes there. */
		compare(&score, good, pwritev(sink, iov, (int)n, 0));
		from = again;
		assert_int_equal(mcsafe_iter_fd(&to, MCSAFE_SIDE_DESTINATION, sink, 0, ROOM), 0);
		assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL), good);
		assert_int_equal(pread(sink, room, good, 0), good);
		assert_memory_equal(room, want, good);

		/* And nowhere: what is lost does not matter. */
		assert_int_equal(mcsafe_iter_discard(&to, MCSAFE_SIDE_DESTINATION, total), 0);
		assert_int_equal(mcsafe_iter_to_iter(&to, &again, SIZE_MAX, NULL), total);
	}
	print_score(&score);
	close(sink);
	close_file();
}

/* ---- to segments that are lost in part ----------------------------------------------------- */

static void test_store_stops_where_poison_begins(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 2);
	size_t stopped = 0;

	(void)state;
	t_install();
	open_file();
	for (int i = 0; i < CASES; i++) {
		struct iovec iov[MAX_SEGS];
		struct mcsafe_fault fault = {0};
		struct mcsafe_iter it;
		size_t n = 1 + t_rng_below(&rng, MAX_SEGS), good, total, done = 0;

		for (size_t seg = 0; seg < n; seg++)
			iov[seg] = pick_disjoint_part(&rng, seg);
		good = good_of(iov, n);
		total = total_of(iov, n);
		for (size_t byte = 0; byte < total; byte++)
			room[byte] = (unsigned char)t_rng_next(&rng);
		for (size_t seg = 0; seg < n; seg++) {
			size_t offset = offset_of(&iov[seg]);

			for (size_t byte = 0; byte < iov[seg].iov_len && done < good; byte++)
				expected[offset + byte] = room[done++];
		}
		assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, n, SIZE_MAX),
				 0);
		assert_int_equal(mcsafe_copy_to_iter(room, total, &it, &fault), good);
		assert_int_equal(mcsafe_iter_count(&it), total - good);
		if (good < total)
			check_record(&fault, MCSAFE_SIDE_DESTINATION);
		stopped += good < total;
		assert_memory_equal(file.start, expected, BAD);
		assert_memory_equal(file.start + BAD + T_PAGE, expected + BAD + T_PAGE,
				    SIZE - BAD - T_PAGE);
	}
	print_message("%d cases, %zu stopped\n", CASES, stopped);
	assert_true(stopped > CASES / 20);
	close_file();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scatter_stops_where_poison_begins),
		cmocka_unit_test(test_gather_stops_where_poison_begins),
		cmocka_unit_test(test_store_stops_where_poison_begins),
	};

	return t_run("iter.poison", tests, T_LENGTH(tests));
}
