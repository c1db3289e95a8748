/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_model.c - random reads, writes, faults, truncations, a full file system and repairs, against
 * the model
 *
 * The steps first run one after the other, with a file of each kind. Then they run in several
 * threads at once. Each thread has a slice of one mapping, and a model of its own. At last they run
 * in threads that are asked to end: no call may do so.
 */
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"
#include "rng.h"
#include "run.h"
#include "small_tmpfs.h"
#include "tool.h"

/* Five backings: 150000 steps in all. A slow tool runs fewer, but meets the same cases. */
#define STEPS         30000u
/* More than 100000 in all, also with ThreadSanitizer, whose purpose is threads. */
#define THREADS       3u
#define THREADS_STEPS 34000u /* of each thread */
#define SEGMENTS      5u
#define FILL          0xa5

enum backing {
	MEMFD,     /* mcsafe_pmem_open_fd() */
	FULL,      /* the same, with a sparse file in a small tmpfs */
	DISK_FILE, /* mcsafe_pmem_open() */
	MAPPED,    /* mcsafe_pmem_open_memory() with the file */
	ANONYMOUS, /* mcsafe_pmem_open_memory() without a file */
	BACKINGS
};

static unsigned n_steps, n_steps_of_threads; /* fewer with a slow tool */

static _Thread_local struct {
	struct mcsafe_pmem *pmem;
	enum backing backing;
	bool cancelled; /* somebody has asked this thread to end */
	bool shared;    /* other threads use the mapping: only the slice from `first` on is ours */
	size_t first;   /* offset of our slice in the mapping */
	unsigned steps; /* number of steps to run */
	int fd;
	void *memory; /* memory of the caller */
	struct t_rng rng;
	enum mcsafe_inject_kind kinds[4];
	size_t n_kinds;
	unsigned char *buf; /* room for everything, then a page that cannot be accessed */
	size_t cut;         /* the next write(2) truncates the file to this first; SIZE_MAX: not */
	unsigned long reads, short_reads, refused, writes, holes, repairs, noted, moved,
		bad_buffers, not_repaired, cuts, cut_off, no_space, no_space_to_repair;
} t;

static _Thread_local struct model model;
static _Thread_local struct mcsafe_range want[MODEL_SIZE / 64], got[MODEL_SIZE / 64];

static void may_be_cancelled(bool may)
{
	if (t.cancelled)
		pthread_setcancelstate(may ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, NULL);
}

/* A call of the library. The test itself is not cancelled. */
#define CALL(call)   \
 __extension__({     \
__typeof__(call) result_; \
may_be_cancelled(true);   \
result_ = (call);         \
may_be_cancelled(false);  \
result_;                  \
 })

static size_t below(size_t limit)
{
	return t_rng_below(&t.rng, limit);
}

/* Often a short length, and sometimes a long one. */
static size_t length(void)
{
	return below((size_t)1 << (1 + below(16)));
}

static size_t offset_in(size_t size)
{
	size_t at = below(size + size / 8 + 1);

	/* One in three offsets is near the border of a page. */
	return below(3) == 0 ? at / T_PAGE * T_PAGE + below(3) : at;
}

/* The offset in the mapping of an offset in the model. */
static off_t place(size_t offset)
{
	return (off_t)(t.first + offset);
}

static unsigned char *base(void)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(t.pmem, &info);
	assert_int_equal(info.size, t.shared ? THREADS * MODEL_SIZE : model.seen);
	return (unsigned char *)info.base + t.first;
}

/* Whether the mapping follows the size of the file, which others truncate. */
static bool follows_file(void)
{
	return !t.shared && (t.backing == MEMFD || t.backing == DISK_FILE);
}

static bool is_callers(void)
{
	return t.backing == MAPPED || t.backing == ANONYMOUS;
}

/* ---- the file, as the library sees it -------------------------------------------------------- */

ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset);

/* The library asks whether the medium has lost a byte. */
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	size_t page = ((size_t)offset - t.first) / T_PAGE;

	if (page < MODEL_PAGES && model.bad[page] != MCSAFE_INJECT_NONE && model.lost[page]) {
		errno = EIO;
		return -1;
	}
	return __real_pread(fd, buf, n, offset);
}

/* Write zeros, so that there is no hole: a bad page in a hole is not met. */
static void fill_file_between(size_t from, size_t to)
{
	static const unsigned char zeros[THREADS * MODEL_SIZE];

	if (from < to)
		assert_int_equal(__real_pwrite(t.fd, zeros, to - from, (off_t)from), to - from);
}

static void set_size(size_t size)
{
	size_t before = model.size;

	assert_int_equal(ftruncate(t.fd, (off_t)size), 0);
	model_truncate(&model, size);
	fill_file_between(before, size);
}

/* A repair writes. At that moment somebody else truncates the file. */
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	if (t.cut != SIZE_MAX) {
		set_size(t.cut);
		t.cut = SIZE_MAX;
		t.cuts++;
	}
	return __real_pwrite(fd, buf, n, offset);
}

/*
 * The length to request so that the call handles `wanted` of n bytes: the end of a slice is not the
 * end of the file, so a slice must not be exceeded.
 */
static size_t to_ask_for(size_t n, size_t wanted, size_t room)
{
	return t.shared || room < wanted ? wanted : n;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Splits n bytes at buf into segments, in order. */
static size_t split(struct iovec iov[SEGMENTS], unsigned char *buf, size_t n)
{
	for (size_t i = 0; i < SEGMENTS; i++) {
		size_t len = i + 1 < SEGMENTS ? below(n + 1) : n;

		iov[i] = (struct iovec){buf, len};
		buf += len;
		n -= len;
	}
	return SEGMENTS;
}

static ssize_t read_somehow(unsigned char *buf, size_t n, size_t offset, struct mcsafe_fault *fault)
{
	struct iovec iov[SEGMENTS];
	struct mcsafe_iter it;

	switch (below(3)) {
	case 0:
		return CALL(mcsafe_pmem_pread(t.pmem, buf, n, place(offset), fault));
	case 1:
		return CALL(
			mcsafe_pmem_preadv(t.pmem, iov, split(iov, buf, n), place(offset), fault));
	default:
		assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_DESTINATION, buf, n), 0);
		return CALL(mcsafe_pmem_read_iter(t.pmem, &it, n, place(offset), fault));
	}
}

static ssize_t write_somehow(unsigned char *buf, size_t n, size_t offset,
			     struct mcsafe_fault *fault)
{
	struct iovec iov[SEGMENTS];
	struct mcsafe_iter it;

	switch (below(3)) {
	case 0:
		return CALL(mcsafe_pmem_pwrite(t.pmem, buf, n, place(offset), fault));
	case 1:
		return CALL(
			mcsafe_pmem_pwritev(t.pmem, iov, split(iov, buf, n), place(offset), fault));
	default:
		assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_SOURCE, buf, n), 0);
		return CALL(mcsafe_pmem_write_iter(t.pmem, &it, n, place(offset), fault));
	}
}

/*
 * Sometimes a buffer that ends before n bytes, but never near the place where the mapping would
 * stop the copy.
 */
static size_t room_in_buffer(size_t n, size_t expected)
{
	size_t room = below(8) == 0 ? below(n + 1) : n;

	if (room < n && (room > expected ? room - expected : expected - room) < 256)
		room = n;
	t.bad_buffers += room < n;
	return room;
}

static void check_result(ssize_t result, const struct mcsafe_fault *fault, enum mcsafe_side side,
			 size_t wanted, size_t expected, size_t room, int error)
{
	size_t done = expected < room ? expected : room;
	bool buffer = room < expected;

	if (done == wanted) {
		assert_int_equal(result, wanted);
		assert_int_equal(fault->cause, MCSAFE_CAUSE_NONE);
		return;
	}
	assert_int_equal(result, done != 0 ? (ssize_t)done : buffer ? -EFAULT : error);
	assert_int_not_equal(fault->cause, MCSAFE_CAUSE_NONE);
	assert_true((fault->side == side) != buffer);
}

static void step_read(void)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	size_t offset = offset_in(model.seen), n = length(), wanted = model_clip(&model, offset, n);
	size_t stop = model_stop(&model, offset, offset + wanted), expected = stop - offset;
	size_t room = room_in_buffer(wanted, expected);
	unsigned char *buf = t.buf + MODEL_SIZE - room;
	ssize_t result;

	memset(t.buf, FILL, MODEL_SIZE);
	result = read_somehow(buf, to_ask_for(n, wanted, room), offset, &fault);
	check_result(result, &fault, MCSAFE_SIDE_SOURCE, wanted, expected, room, -EIO);
	if (expected > room)
		expected = room;
	else if (expected < wanted)
		model_meet(&model, stop);
	assert_memory_equal(buf, model.content + offset, expected);
	for (size_t i = expected; i < room; i++)
		assert_int_equal(buf[i], FILL);
	t.reads++;
	t.short_reads += expected != 0 && expected < wanted;
	t.refused += expected == 0 && wanted != 0;
}

static void step_write(void)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	size_t offset = offset_in(model.seen), n = length(), wanted = model_clip(&model, offset, n);
	size_t stop = model_store_stop(&model, offset, offset + wanted), expected = stop - offset;
	bool no_space = stop != model_stop(&model, offset, offset + wanted);
	size_t room = room_in_buffer(wanted, expected);
	unsigned char *buf = t.buf + MODEL_SIZE - room;
	ssize_t result;

	/*
	 * Stores past the end of a file, in its last page: the kernel decides what comes back, so
	 * there is no expected result.
	 */
	if (offset + wanted > model.size && offset < (model.size + T_PAGE - 1))
		return;
	for (size_t i = 0; i < room; i++)
		buf[i] = (unsigned char)t_rng_next(&t.rng);
	result = write_somehow(buf, to_ask_for(n, wanted, room), offset, &fault);
	t.writes++;
	if (offset >= model.seen) {
		assert_int_equal(result, to_ask_for(n, wanted, room) != 0 ? -ENOSPC : 0);
		return;
	}
	check_result(result, &fault, MCSAFE_SIDE_DESTINATION, wanted, expected, room,
		     no_space ? -ENOSPC : -EIO);
	if (expected > room)
		expected = room;
	else if (expected < wanted && !no_space)
		model_meet(&model, stop);
	t.no_space += no_space && expected < room;
	model_store(&model, offset, buf, expected);
}

static void step_salvage(void)
{
	size_t offset = offset_in(model.seen), n = length(), wanted = model_clip(&model, offset, n);
	size_t n_want = model_holes(&model, offset, wanted, want), n_got = below(n_want + 3);
	size_t room = n_got;

	memset(t.buf, 0, MODEL_SIZE);
	assert_int_equal(CALL(mcsafe_pmem_salvage(t.pmem, t.buf, t.shared ? wanted : n,
						  place(offset), FILL, got, &n_got)),
			 wanted);
	assert_int_equal(n_got, n_want);
	for (size_t i = 0; i < n_want; i++) {
		if (i < room) {
			assert_int_equal(got[i].start, t.first + want[i].start);
			assert_int_equal(got[i].len, want[i].len);
		}
		for (size_t at = want[i].start; at < want[i].start + want[i].len; at++) {
			assert_int_equal(t.buf[at - offset], FILL);
			t.buf[at - offset] = model.content[at];
		}
	}
	assert_memory_equal(t.buf, model.content + offset, wanted);
	t.holes += n_want;
}

static void step_persist(void)
{
	size_t offset = offset_in(model.seen), n = length();
	size_t wanted = model_clip(&model, offset, n);
	bool cut_off = wanted != 0 && offset + wanted > model.size;

	t.cut_off += cut_off;
	/* msync(2) does not touch the pages. For anonymous memory msync(2) does nothing. */
	assert_int_equal(CALL(mcsafe_pmem_persist(t.pmem, place(offset), t.shared ? wanted : n)),
			 cut_off ? -EIO : 0);
}

static void step_poison(void)
{
	size_t pages = (model.size < model.seen ? model.size : model.seen) / T_PAGE, page;
	enum mcsafe_inject_kind kind = t.kinds[below(t.n_kinds)];

	if (pages == 0)
		return;
	page = below(pages);
	/* A bad page in a hole is not met. */
	if (model.bad[page] != MCSAFE_INJECT_NONE || model.hole[page])
		return;
	assert_int_equal(mcsafe_inject(base() + page * T_PAGE, T_PAGE, kind), 0);
	model.bad[page] = kind;
	model.lost[page] = below(2) == 0;
	memcpy(model.aside + page * T_PAGE, model.content + page * T_PAGE, T_PAGE);
}

/* Restores the memory as it was. The registry still knows that it was bad. */
static void heal(unsigned char *at, size_t page)
{
	enum mcsafe_inject_kind kind = model.bad[page];

	if (kind == MCSAFE_INJECT_NONE)
		return;
	assert_int_equal(mcsafe_inject_clear(at + page * T_PAGE, T_PAGE), 0);
	model.bad[page] = MCSAFE_INJECT_NONE;
	/* The injection moved the content aside, and the end of the injection moved it back. */
	if (t.backing == ANONYMOUS && kind != MCSAFE_INJECT_PROTECT)
		memcpy(model.content + page * T_PAGE, model.aside + page * T_PAGE, T_PAGE);
}

static void step_heal(void)
{
	heal(base(), below(MODEL_PAGES));
}

/* What the repair of n bytes returns. *written becomes the number of bytes that are new. */
static ssize_t repaired(size_t n, size_t offset, size_t *written)
{
	size_t size = model.seen, page = offset / T_PAGE;

	*written = 0;
	if (n == 0)
		return 0;
	if (offset % T_PAGE != 0 || offset > size || n > size - offset ||
	    (n % T_PAGE != 0 && (t.backing == ANONYMOUS || n != size - offset)) ||
	    (follows_file() && model.size != size) || offset + n > model.size)
		return -EINVAL;
	*written = n;
	if (!is_callers()) {
		for (size_t room = model.room; page * T_PAGE < offset + n; page++)
			if (model.hole[page] && room-- == 0)
				break;
		if (page * T_PAGE < offset + n)
			*written = page * T_PAGE - offset;
		return *written != 0 ? (ssize_t)*written : -ENOSPC;
	}
	/* Memory of the caller that nobody may read stays as it is, but its file is written. */
	while (page * T_PAGE < offset + n && model.bad[page] != MCSAFE_INJECT_PROTECT)
		page++;
	if (page * T_PAGE >= offset + n)
		return (ssize_t)n;
	n = page * T_PAGE - offset;
	if (t.backing == ANONYMOUS)
		*written = n;
	return n != 0 ? (ssize_t)n : -EOPNOTSUPP;
}

static void new_content(const unsigned char *data, size_t n, size_t offset)
{
	static const unsigned char zeros[MODEL_SIZE];

	model_store(&model, offset, data != NULL ? data : zeros, n);
}

static const unsigned char *some_data(size_t n)
{
	if (below(2) == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		t.buf[i] = (unsigned char)t_rng_next(&t.rng);
	return t.buf;
}

static void step_repair(void)
{
	size_t page = below(MODEL_PAGES), n_pages = 1 + below(3), size = model.seen, written;
	size_t offset = page * T_PAGE, n = n_pages * T_PAGE;
	const unsigned char *data = some_data(n);
	ssize_t result, expected;

	if (below(4) == 0 && offset < size && n > size - offset)
		n = size - offset;
	if (below(16) == 0)
		offset += 1 + below(T_PAGE - 1);
	if (below(16) == 0)
		n -= 1 + below(n < T_PAGE ? n : T_PAGE);
	/* Memory of other threads is there. */
	if (t.shared && (offset > size || n > size - offset))
		return;
	expected = repaired(n, offset, &written);
	result = CALL(mcsafe_pmem_repair(t.pmem, data, n, place(offset)));
	assert_int_equal(result, expected);
	new_content(data, written, offset);
	t.not_repaired += result < 0;
	t.no_space_to_repair += result == -ENOSPC;
	if (result <= 0)
		return;
	n = (size_t)result;
	t.repairs++;
	memset(model.known + offset, false, (n + T_PAGE - 1) / T_PAGE * T_PAGE);
	assert_int_equal(CALL(mcsafe_pmem_pread(t.pmem, t.buf, n, place(offset), NULL)), n);
	assert_memory_equal(t.buf, model.content + offset, n);
	for (page = offset / T_PAGE; page * T_PAGE < offset + n; page++)
		heal(base(), page);
}

/*
 * The file is truncated before the repair writes to it. The write makes it as long as the write is,
 * and no longer. If that is not the old size, nothing is repaired.
 */
static void step_repair_beside_truncation(void)
{
	size_t page = below(MODEL_PAGES), n = (1 + below(3)) * T_PAGE, size = model.seen;
	size_t offset = page * T_PAGE, cut = below(size + 1);
	const unsigned char *data = some_data(n);
	ssize_t result;
	struct stat st;

	if (!follows_file() || model.size != size || offset >= size)
		return;
	if (n > size - offset)
		n = size - offset;
	t.cut = cut;
	result = CALL(mcsafe_pmem_repair(t.pmem, data, n, place(offset)));
	assert_int_equal(t.cut, SIZE_MAX);
	if (model.size < offset + n)
		model.size = offset + n;
	assert_int_equal(fstat(t.fd, &st), 0);
	assert_int_equal(st.st_size, model.size);
	new_content(data, n, offset);
	fill_file_between(cut, offset);
	/* If it is as long as it was, nobody can tell that it was not. */
	assert_int_equal(result, model.size == size ? (ssize_t)n : -EINVAL);
	if (model.size == size)
		memset(model.known + offset, false, (n + T_PAGE - 1) / T_PAGE * T_PAGE);
	/* Pages may have been mapped anew. */
	for (; page * T_PAGE < offset + n; page++)
		heal(base(), page);
}

/* Memory of the caller keeps its size. */
static void step_truncate(void)
{
	size_t size = below(3) == 0 ? below(MODEL_PAGES + 1) * T_PAGE : below(MODEL_SIZE);

	if (t.shared || t.fd < 0 || t.backing == FULL)
		return;
	if (!follows_file() && below(2) == 0)
		size = MODEL_SIZE;
	set_size(size);
}

static void step_refresh(void)
{
	unsigned char *before = base(), *after;

	assert_int_equal(CALL(mcsafe_pmem_refresh(t.pmem)), 0);
	if (is_callers())
		return;
	model_refresh(&model);
	after = base();
	if (after == before)
		return;
	/* The mapping has new pages: the injected faults are in the old mapping. */
	t.moved++;
	for (size_t page = 0; page < MODEL_PAGES; page++)
		heal(before, page);
}

/* Adds a range that somebody else found to be bad: any bytes. */
static void step_tell(void)
{
	size_t start = below(MODEL_SIZE - 1), n = 1 + length();

	if (model.size != model.seen || start >= model.seen)
		return;
	n = model_clip(&model, start, n);
	if (below(2) == 0) {
		assert_int_equal(CALL(mcsafe_badblocks_add(mcsafe_pmem_badblocks(t.pmem),
							   t.first + start, n)),
				 0);
		memset(model.known + start, true, n);
	} else {
		assert_int_equal(CALL(mcsafe_badblocks_clear(mcsafe_pmem_badblocks(t.pmem),
							     t.first + start, n)),
				 0);
		memset(model.known + start, false, n);
	}
}

static void step_notice(void)
{
	size_t page = below(MODEL_PAGES);
	struct mcsafe_notice notice = {.extent = T_PAGE};

	if (page * T_PAGE >= model.seen || model.size != model.seen)
		return;
	notice.addr = base() + page * T_PAGE + below(T_PAGE);
	assert_int_equal(CALL(mcsafe_pmem_notice(t.pmem, &notice)), 1);
	memset(model.known + page * T_PAGE, true, T_PAGE);
	t.noted++;
	notice.addr = t.buf;
	assert_int_equal(CALL(mcsafe_pmem_notice(t.pmem, &notice)), 0);
}

/* Others take space of the file system or give it back, or punch holes into the file. */
static void step_space(void)
{
	size_t page = below(MODEL_PAGES), n_pages = 1 + below(16);

	if (t.backing != FULL)
		return;
	if (below(2) == 0) {
		small_tmpfs_fill(below(8));
		model.room = small_tmpfs_room();
		return;
	}
	for (; n_pages != 0 && page < MODEL_PAGES; page++, n_pages--) {
		heal(base(), page);
		assert_int_equal(fallocate(t.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					   (off_t)(page * T_PAGE), T_PAGE),
				 0);
		model.room += !model.hole[page];
		model.hole[page] = true;
		memset(model.content + page * T_PAGE, 0, T_PAGE);
	}
	/* Only now the library knows of the holes. */
	step_refresh();
}

static const struct {
	void (*step)(void);
	unsigned weight;
} steps[] = {
	{step_read, 30},   {step_write, 15}, {step_salvage, 10}, {step_persist, 2},
	{step_poison, 6},  {step_heal, 12},  {step_repair, 16},  {step_truncate, 2},
	{step_refresh, 8}, {step_tell, 1},   {step_notice, 1},   {step_repair_beside_truncation, 2},
	{step_space, 3},
};

/* ---- the whole ------------------------------------------------------------------------------- */

static void check_registry(void)
{
	const struct mcsafe_badblocks *known = mcsafe_pmem_badblocks(t.pmem);
	struct mcsafe_range bad;
	size_t at = 0;

	while (mcsafe_badblocks_next(known, t.first + at, t.first + MODEL_SIZE, &bad)) {
		bad.start -= t.first;
		for (; at < bad.start; at++)
			assert_false(model.known[at]);
		for (; at < bad.start + bad.len; at++)
			assert_true(model.known[at]);
	}
	for (; at < MODEL_SIZE; at++)
		assert_false(model.known[at]);
}

static void one_step(void)
{
	unsigned total = 0, at;

	for (size_t i = 0; i < T_LENGTH(steps); i++)
		total += steps[i].weight;
	at = (unsigned)below(total);
	for (size_t i = 0;; i++) {
		if (at < steps[i].weight) {
			steps[i].step();
			/* Nothing but stores takes space. */
			if (t.backing == FULL)
				assert_int_equal(small_tmpfs_room(), model.room);
			return;
		}
		at -= steps[i].weight;
	}
}

static void choose_kinds(void)
{
	static const enum mcsafe_inject_kind all[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_EOF,
						      MCSAFE_INJECT_GUARD, MCSAFE_INJECT_PROTECT};

	t.n_kinds = 0;
	for (size_t i = 0; i < T_LENGTH(all); i++)
		/*
		 * EOF puts a file there, and the repair must not take the file for anonymous
		 * memory.
		 */
		if (mcsafe_inject_supported(all[i]) == 0 &&
		    (t.backing != ANONYMOUS || all[i] != MCSAFE_INJECT_EOF))
			t.kinds[t.n_kinds++] = all[i];
	/* PROTECT is always available, EOF since Linux 5.13, POISON since Linux 6.6. */
	assert_in_range(t.n_kinds, 2, SIZE_MAX);
}

/* A kernel without CONFIG_MEMORY_FAILURE reports poison as BUS_ADRERR (arch/x86/mm/fault.c,
 * do_sigbus()). */
static void learn_poison(unsigned char *page)
{
	struct mcsafe_fault fault;
	unsigned char byte;

	if (mcsafe_inject(page, T_PAGE, MCSAFE_INJECT_POISON) != 0)
		return;
	assert_int_equal(mcsafe_memcpy(&byte, page, 1, &fault), 1);
	model.poison_is_io = fault.cause == MCSAFE_CAUSE_IO;
	assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
}

static void open_it(void)
{
	char path[] = "/tmp/mcsafe-model-XXXXXX";
	int flags = MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK, err = -1;

	model.size = MODEL_SIZE / 5;
	t.fd = -1;
	if (t.backing == DISK_FILE) {
		t.fd = mkstemp(path);
		assert_true(t.fd >= 0);
	} else if (t.backing == FULL) {
		small_tmpfs_fill(0); /* all others are gone */
		t.fd = small_tmpfs_file();
	} else if (t.backing != ANONYMOUS) {
		t.fd = memfd_create("model", MFD_CLOEXEC);
		assert_true(t.fd >= 0);
	}
	if (!follows_file())
		model.size = MODEL_SIZE;
	if (t.fd >= 0)
		assert_int_equal(ftruncate(t.fd, (off_t)model.size), 0);
	if (is_callers()) {
		t.memory = mmap(NULL, MODEL_SIZE, PROT_READ | PROT_WRITE,
				t.fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, t.fd, 0);
		assert_true(t.memory != MAP_FAILED);
	}
	if (is_callers())
		err = CALL(mcsafe_pmem_open_memory(&t.pmem, t.memory, MODEL_SIZE, t.fd, 0, flags));
	else if (t.backing == DISK_FILE)
		err = CALL(mcsafe_pmem_open(&t.pmem, path, flags));
	else
		err = CALL(mcsafe_pmem_open_fd(&t.pmem, t.fd, flags));
	assert_int_equal(err, 0);
	if (t.backing == DISK_FILE)
		unlink(path);
	model.seen = model.size;
	if (t.backing == FULL)
		memset(model.hole, true, sizeof(model.hole));
	else
		fill_file_between(0, t.fd >= 0 ? model.size : 0);
	model.has_file = t.fd >= 0;
}

static void close_it(void)
{
	for (size_t page = 0; page < MODEL_PAGES; page++)
		heal(base(), page);
	(void)CALL((mcsafe_pmem_close(t.pmem), 0));
	if (is_callers())
		munmap(t.memory, MODEL_SIZE);
	if (t.fd >= 0)
		close(t.fd);
}

/* Whether the random steps have met everything, each as often as so many steps do. */
static bool has_met_all(void)
{
	return t.reads > t.steps / 10 && t.short_reads > t.steps / 800 &&
	       t.refused > t.steps / 800 && t.bad_buffers > t.steps / 800 &&
	       t.writes > t.steps / 30 && t.holes > t.steps / 400 && t.repairs > t.steps / 100 &&
	       t.noted > t.steps / 20000 && t.not_repaired > 0 &&
	       (!follows_file() || (t.moved > 0 && t.cuts > t.steps / 5000)) &&
	       (t.backing != FULL ||
		(t.no_space > t.steps / 400 && t.no_space_to_repair > t.steps / 800)) &&
	       (t.backing == FULL || t.shared || t.fd < 0 || t.cut_off > t.steps / 10000);
}

static void check_tally(void)
{
	print_message("%lu reads, %lu short, %lu refused; %lu writes, %lu bad buffers; %lu holes, "
		      "%lu repairs, %lu not done, %lu beside a truncation; %lu not durable, "
		      "%lu notices, %lu times moved; no space for %lu writes, %lu repairs\n",
		      t.reads, t.short_reads, t.refused, t.writes, t.bad_buffers, t.holes,
		      t.repairs, t.not_repaired, t.cuts, t.cut_off, t.noted, t.moved, t.no_space,
		      t.no_space_to_repair);
	assert_true(has_met_all());
}

static void begin(enum backing backing, unsigned to_do)
{
	unsigned char *room = mmap(NULL, MODEL_SIZE + T_PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(room != MAP_FAILED);
	assert_int_equal(mprotect(room + MODEL_SIZE, T_PAGE, PROT_NONE), 0);
	memset(&t, 0, sizeof(t));
	memset(&model, 0, sizeof(model));
	t.backing = backing;
	t.steps = to_do;
	t.buf = room;
	t.cut = SIZE_MAX;
	t.fd = -1;
	choose_kinds();
	learn_poison(room);
}

/*
 * Few steps may have missed something by chance, so they go on until all is met. A generator that
 * is broken does not meet it in a hundred times as many.
 */
static void all_steps(void)
{
	for (unsigned i = 0; i < t.steps || (!has_met_all() && i / 100 < t.steps); i++) {
		one_step();
		if (i % 64 == 0)
			check_registry();
	}
	check_registry();
	check_tally();
}

static void end(void)
{
	munmap(t.buf, MODEL_SIZE + T_PAGE);
}

static bool has_tmpfs;

static void run(enum backing backing, unsigned to_do, uint64_t seed, bool cancelled)
{
	begin(backing, to_do);
	t.cancelled = cancelled;
	t.rng = t_rng_start(seed, (uint64_t)backing);
	open_it();
	errno = 4711;
	all_steps();
	close_it();
	end();
}

static void run_alone(enum backing backing)
{
	if (backing == FULL && !has_tmpfs)
		t_skip("no tmpfs can be mounted");
	t_install();
	run(backing, n_steps, t_seed(), false);
}

static void test_a_memfd_agrees_with_the_model(void **state)
{
	(void)state;
	run_alone(MEMFD);
}

static void test_a_file_on_a_disk_agrees_with_the_model(void **state)
{
	(void)state;
	run_alone(DISK_FILE);
}

static void test_a_file_in_a_full_file_system_agrees_with_the_model(void **state)
{
	(void)state;
	run_alone(FULL);
}

static void test_mapped_memory_of_a_file_agrees_with_the_model(void **state)
{
	(void)state;
	run_alone(MAPPED);
}

static void test_anonymous_memory_agrees_with_the_model(void **state)
{
	(void)state;
	run_alone(ANONYMOUS);
}

/* ---- in threads ------------------------------------------------------------------------------ */

static struct mcsafe_pmem *common;
static uint64_t seed_of_all;
static _Atomic unsigned at_the_end;

/*
 * An assertion that fails in a thread ends the program without a message, because CMocka can only
 * jump back to its own thread. With CMOCKA_TEST_ABORT=1 it aborts, for a debugger.
 */
static void *in_a_slice(void *arg)
{
	size_t slice = *(const size_t *)arg;

	begin(MEMFD, n_steps_of_threads);
	t.rng = t_rng_start(seed_of_all, 100 + slice);
	t.pmem = common;
	t.shared = true;
	t.first = slice * MODEL_SIZE;
	model.size = model.seen = MODEL_SIZE;
	model.has_file = true;
	all_steps();
	for (size_t page = 0; page < MODEL_PAGES; page++)
		heal(base(), page);
	end();
	atomic_fetch_add(&at_the_end, 1);
	return NULL;
}

static void test_threads_with_a_slice_each_agree_with_the_model(void **state)
{
	int fd = memfd_create("model", MFD_CLOEXEC);
	pthread_t threads[THREADS];
	size_t slices[THREADS];

	(void)state;
	t_install();
	seed_of_all = t_seed();
	assert_true(fd >= 0);
	t.fd = fd;
	fill_file_between(0, THREADS * MODEL_SIZE);
	assert_int_equal(mcsafe_pmem_open_fd(&common, fd, MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK),
			 0);
	for (size_t i = 0; i < THREADS; i++) {
		slices[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, in_a_slice, &slices[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&at_the_end), THREADS);
	mcsafe_pmem_close(common);
	close(fd);
}

/* ---- in a thread that is asked to end -------------------------------------------------------- */

/* The request stays, so that any cancellation point in any call would end the thread. */
static void *with_a_request_to_end(void *arg)
{
	const enum backing *backing = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	assert_int_equal(pthread_cancel(pthread_self()), 0);
	run(*backing, n_steps / 4, seed_of_all, true);
	atomic_fetch_add(&at_the_end, 1);
	return arg;
}

static void test_no_call_is_a_cancellation_point(void **state)
{
	(void)state;
	t_install();
	seed_of_all = t_seed();
	atomic_store(&at_the_end, 0);
	for (enum backing backing = MEMFD; backing < BACKINGS; backing++) {
		pthread_t thread;
		void *end_of_thread;

		if (backing == FULL && !has_tmpfs)
			continue;
		assert_int_equal(pthread_create(&thread, NULL, with_a_request_to_end, &backing), 0);
		assert_int_equal(pthread_join(thread, &end_of_thread), 0);
		assert_ptr_equal(end_of_thread, &backing);
	}
	assert_int_equal(atomic_load(&at_the_end), has_tmpfs ? BACKINGS : BACKINGS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_memfd_agrees_with_the_model),
		cmocka_unit_test(test_a_file_on_a_disk_agrees_with_the_model),
		cmocka_unit_test(test_a_file_in_a_full_file_system_agrees_with_the_model),
		cmocka_unit_test(test_mapped_memory_of_a_file_agrees_with_the_model),
		cmocka_unit_test(test_anonymous_memory_agrees_with_the_model),
		cmocka_unit_test(test_threads_with_a_slice_each_agree_with_the_model),
		cmocka_unit_test(test_no_call_is_a_cancellation_point),
	};
	const unsigned stride = (unsigned)t_stride(6, 30);
	int failed;

	n_steps = STEPS / stride;
	n_steps_of_threads = T_THREAD_SANITIZER ? THREADS_STEPS : THREADS_STEPS / stride;
	has_tmpfs = small_tmpfs_mount();
	failed = t_run("pmem.model", tests, T_LENGTH(tests));
	small_tmpfs_unmount();
	return failed;
}
