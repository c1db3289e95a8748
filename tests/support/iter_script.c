/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_script.c - bytes as a script of operations on iterators, compared with the model */
#include "iter_script.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "iter_model.h"
#include "iter_pool.h"

#define MAX_SEGS  8
#define ERRNO     4711 /* not an errno value; errno must still have it after every call */
#define UNWRITTEN 0xa5 /* fills a record that must not be written */

struct script_tally script_tally;

/* One iterator and its model. Copies between iterators use two actors. */
struct actor {
	struct mcsafe_iter it;
	struct mcsafe_iter_state state;
	size_t saved_pos, saved_end;
	bool has_state;
	struct model m;
	struct iovec iov[MAX_SEGS];
	struct mcsafe_bvec bvec[MAX_SEGS];
	struct mcsafe_region region[MAX_SEGS];
};

static struct actor actors[2];

static int source_file, sink_file, pipe_out, pipe_in;
static unsigned char *sink_map;
static unsigned char source_model[MODEL_FILE], sink_model[MODEL_FILE];
static bool sink_written, check_all;
static unsigned char sent[MODEL_FILE], received[MODEL_FILE];

static const uint8_t *script;
static size_t script_left;
static char message[512];

static const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return message;
}

/* The next number of the script, below limit. At the end of the script the number is 0. */
static size_t pick(size_t limit)
{
	size_t number = 0;

	for (size_t reach = 1; reach < limit && script_left != 0; reach *= 256) {
		number = number * 256 + *script++;
		script_left--;
	}
	return number % limit;
}

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static int open_file(const unsigned char *content, unsigned char **map)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	need(fd >= 0 && write(fd, content, MODEL_FILE) == (ssize_t)MODEL_FILE, "memfd");
	*map = mmap(NULL, MODEL_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(*map != MAP_FAILED, "mmap of the file");
	return fd;
}

void script_open(void)
{
	unsigned char *source_map;
	int ends[2];

	pool_open();
	for (size_t i = 0; i < MODEL_FILE; i++)
		source_model[i] = (unsigned char)(i * 251 >> 4);
	source_file = open_file(source_model, &source_map);
	sink_file = open_file(sink_model, &sink_map);
	need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
	pipe_out = ends[0];
	pipe_in = ends[1];
	/* The pipe is small so that it fills up and a script can meet EAGAIN. */
	need(fcntl(pipe_in, F_SETPIPE_SZ, 4096) > 0, "F_SETPIPE_SZ");
}

/* A range of memory of one side. Most ranges contain a border or lie near one. */
struct range {
	enum pool_kind kind;
	uintptr_t start;
	size_t len;
};

static struct range pick_range(enum mcsafe_side side, bool good_only)
{
	/* Half of the ranges are good. With fewer, few copies would get far. */
	size_t kind = pick(2 * POOL_KINDS), how = pick(16), limit = 130;
	struct range range = {.kind = POOL_GOOD};

	if (kind < POOL_KINDS && !good_only)
		range.kind = (enum pool_kind)kind;
	range.start = pool_border(side, range.kind) - 128 + pick(192);
	/*
	 * The range passes the border by 4000 bytes at most, because all blocks have a page there.
	 */
	if (how == 15 && range.kind == POOL_LARGE) {
		limit = POOL_LARGE_PAGES * T_PAGE;
		range.start -= limit - 256;
	}
	if (how < 2)
		range.len = how;
	else
		range.len = how < 6 ? pick(20) : pick(limit);
	if (range.len > 512)
		check_all = true;
	/* POOL_NOT_MAPPED has no mapped page at all: the whole block counts as one bad page. */
	if (range.kind == POOL_NOT_MAPPED &&
	    range.start + range.len > pool_border(side, range.kind))
		range.start -= range.len + 64;
	return range;
}

static size_t add_segments(struct actor *a, size_t limit, bool good_only)
{
	size_t n = pick(limit + 1);

	for (size_t i = 0; i < n; i++) {
		struct range range = pick_range(a->m.side, good_only);

		a->iov[i].iov_base = (void *)range.start;
		a->iov[i].iov_len = range.len;
		a->region[i].base = pool_base(a->m.side, range.kind);
		a->region[i].len = pool_size(range.kind);
		a->bvec[i].region = &a->region[i];
		a->bvec[i].offset = range.start - (uintptr_t)a->region[i].base;
		a->bvec[i].len = range.len;
		model_add(&a->m, range.start, range.len, (unsigned short)i);
	}
	return n;
}

static size_t pick_count(size_t total)
{
	return pick(4) != 0 ? SIZE_MAX : pick(total + 20);
}

static int begin_actor(struct actor *a, enum model_flavour flavour, enum mcsafe_side side)
{
	struct mcsafe_iter *it = &a->it;
	struct model *m = &a->m;
	size_t n, count;

	model_begin(m, flavour, side);
	a->has_state = false;
	switch (flavour) {
	case MODEL_UBUF:
		n = add_segments(a, 1, false);
		return mcsafe_iter_ubuf(it, side, n != 0 ? a->iov[0].iov_base : NULL, m->total);
	case MODEL_IOVEC:
		n = add_segments(a, MAX_SEGS, false);
		model_truncate(m, count = pick_count(m->total));
		return mcsafe_iter_iovec(it, side, a->iov, n, count);
	case MODEL_KVEC:
		n = add_segments(a, MAX_SEGS, side == MCSAFE_SIDE_DESTINATION);
		model_truncate(m, count = pick_count(m->total));
		return mcsafe_iter_kvec(it, side, a->iov, n, count);
	case MODEL_BVEC:
		n = add_segments(a, MAX_SEGS, false);
		model_truncate(m, count = pick_count(m->total));
		return mcsafe_iter_bvec(it, side, a->bvec, n, count);
	case MODEL_DISCARD:
		model_add(m, 0, pick(600), 0);
		return mcsafe_iter_discard(it, side, m->total);
	case MODEL_FILES:
		n = pick(MODEL_FILE);
		count = pick(16) == 0 ? pick(30000) : pick(600);
		if (side == MCSAFE_SIDE_DESTINATION && count > MODEL_FILE - n)
			count = MODEL_FILE -
				n; /* the file must not grow: neither model nor mapping does */
		model_add(m, n, count, 0);
		m->file = side == MCSAFE_SIDE_SOURCE ? source_model : sink_model;
		return mcsafe_iter_fd(it, side,
				      side == MCSAFE_SIDE_SOURCE ? source_file : sink_file,
				      (off_t)n, count);
	default:
		model_add(m, 0, pick(16) == 0 ? pick(30000) : pick(600), 0);
		return mcsafe_iter_fd(it, side, pipe_in, -1, m->total);
	}
}

/* Checks that the pipe contains exactly the first n bytes of sent[]. Leaves errno alone. */
static const char *check_pipe(size_t n)
{
	int saved_errno = errno;
	ssize_t got = read(pipe_out, received, sizeof(received));

	if (got < 0 && errno == EAGAIN)
		got = 0;
	errno = saved_errno;
	if (got != (ssize_t)n)
		return wrong("%zd bytes in the pipe instead of %zu", got, n);
	return memcmp(received, sent, n) == 0 ? NULL : wrong("the bytes in the pipe are wrong");
}

static bool is_unwritten(const struct mcsafe_fault *fault)
{
	const unsigned char *bytes = (const unsigned char *)fault;

	for (size_t i = 0; i < sizeof(*fault); i++) {
		if (bytes[i] != UNWRITTEN)
			return false;
	}
	return true;
}

static const char *check_record(const struct mcsafe_fault *fault, const struct model_result *want)
{
	if (!want->faulted)
		return is_unwritten(fault) ? NULL : wrong("a record was written without a fault");
	if (fault->cause != want->cause || fault->side != want->side ||
	    (uintptr_t)fault->addr != want->addr)
		return wrong("record: cause %s, side %d, addr %p instead of %s, %d, 0x%" PRIxPTR,
			     mcsafe_cause_name(fault->cause), (int)fault->side, fault->addr,
			     mcsafe_cause_name(want->cause), (int)want->side, want->addr);
	return NULL;
}

static void tally(const struct model_end *end, const struct model_result *want)
{
	if (end->m == NULL)
		return;
	script_tally.copies_by_flavour[end->m->flavour]++;
	script_tally.faults_by_flavour[end->m->flavour] += want->faulted;
}

/* Compares the result of a copy, got, with the model's. */
static const char *check_copy(const struct model_end *dst, const struct model_end *src, size_t n,
			      size_t got, int error, const struct mcsafe_fault *fault)
{
	struct model_result want = model_copy(dst, src, n, sent);

	script_tally.copies++;
	tally(dst, &want);
	tally(src, &want);
	if (dst->m != NULL && dst->m->flavour == MODEL_STREAM) {
		/*
		 * The kernel decides how much a pipe accepts. Why a copy stopped is for the model
		 * to check.
		 */
		if (got < want.done && error == -EAGAIN) {
			want = (struct model_result){.done = got, .error = -EAGAIN};
			script_tally.would_block++;
		}
		if (got == want.done && check_pipe(got) != NULL)
			return message;
	}
	if (dst->m != NULL && dst->m->flavour == MODEL_FILES)
		sink_written = true;
	script_tally.source_faults += want.faulted && want.side == MCSAFE_SIDE_SOURCE;
	script_tally.destination_faults += want.faulted && want.side == MCSAFE_SIDE_DESTINATION;
	script_tally.end_of_file += want.error == -ENODATA;
	model_moved(dst, src, want.done, want.error);
	if (got != want.done)
		return wrong("%zu bytes copied instead of %zu", got, want.done);
	if (error != want.error)
		return wrong("error %d instead of %d", error, want.error);
	return fault != NULL ? check_record(fault, &want) : NULL;
}

/*
 * Checks a copy that must be refused before it touches anything. The error must be want_error. If
 * the caller asked for a record, it must name side and addr.
 */
static const char *check_refused(struct model *m, size_t got, int error, int want_error,
				 const struct mcsafe_fault *fault, enum mcsafe_side side,
				 uintptr_t addr)
{
	struct model_result want = {.faulted = side != MCSAFE_SIDE_NONE,
				    .side = side,
				    .cause = MCSAFE_CAUSE_ADDRESS,
				    .addr = addr};

	script_tally.refused++;
	m->error = want_error;
	if (got != 0 || error != want_error)
		return wrong("refused: %zu bytes, error %d instead of %d", got, error, want_error);
	return fault != NULL ? check_record(fault, &want) : NULL;
}

static struct mcsafe_fault record;

static struct mcsafe_fault *pick_record(void)
{
	memset(&record, UNWRITTEN, sizeof(record));
	return pick(4) != 0 ? &record : NULL;
}

static size_t copy_linear(struct actor *a, enum mcsafe_side as, uintptr_t addr, size_t n,
			  struct mcsafe_fault *fault)
{
	if (as == MCSAFE_SIDE_DESTINATION)
		return fault != NULL ? mcsafe_copy_to_iter((void *)addr, n, &a->it, fault)
				     : copy_to_iter_mcsafe((void *)addr, n, &a->it);
	return pick(4) != 0 ? mcsafe_copy_from_iter((void *)addr, n, &a->it, fault)
			    : mcsafe_copy_from_iter_flushcache((void *)addr, n, &a->it, fault);
}

/* Copies between memory and an iterator, which is on the right side or on the wrong one. */
static const char *op_linear(struct actor *a)
{
	bool is_destination = a->m.side == MCSAFE_SIDE_DESTINATION;
	enum mcsafe_side other = is_destination ? MCSAFE_SIDE_SOURCE : MCSAFE_SIDE_DESTINATION;
	/* A trusted destination must not fault. The source may. */
	struct range range = pick_range(other, false);
	struct mcsafe_fault *fault = pick_record();
	struct model_end memory = {.addr = range.start}, iter = {.m = &a->m};
	size_t n = range.len, got, how = pick(64);

	if (how == 0) {
		got = copy_linear(a, other, range.start, n, fault);
		return check_refused(&a->m, got, mcsafe_iter_error(&a->it), -EINVAL, fault,
				     MCSAFE_SIDE_NONE, 0);
	}
	if (how == 1 && a->m.end - a->m.pos > 64) {
		memory.addr = UINTPTR_MAX - pick(64);
		n = SIZE_MAX;
		/* Discarded bytes are not accessed, so their address does not matter. */
		if (a->m.flavour != MODEL_DISCARD) {
			got = copy_linear(a, a->m.side, memory.addr, n, fault);
			return check_refused(&a->m, got, mcsafe_iter_error(&a->it), -EFAULT, fault,
					     other, memory.addr);
		}
	}
	if (how < 8) {
		/* The longest possible length: past the border and on through the pool. */
		n = SIZE_MAX;
		check_all = true;
	}
	got = copy_linear(a, a->m.side, memory.addr, n, fault);
	return check_copy(is_destination ? &iter : &memory, is_destination ? &memory : &iter, n,
			  got, mcsafe_iter_error(&a->it), fault);
}

static const char *op_zero(struct actor *a)
{
	struct model_end iter = {.m = &a->m}, zeros = {.zeros = true};
	struct mcsafe_fault *fault = pick_record();
	size_t n = pick(8) != 0 ? pick(200) : SIZE_MAX;
	size_t got = mcsafe_iter_zero(n, &a->it, fault);

	if (a->m.side == MCSAFE_SIDE_SOURCE)
		return check_refused(&a->m, got, mcsafe_iter_error(&a->it), -EINVAL, fault,
				     MCSAFE_SIDE_NONE, 0);
	return check_copy(&iter, &zeros, n, got, mcsafe_iter_error(&a->it), fault);
}

static const char *op_between(struct actor *dst, struct actor *src)
{
	struct model_end to = {.m = &dst->m}, from = {.m = &src->m};
	struct mcsafe_fault *fault = pick_record();
	size_t n = pick(2) != 0 ? pick(400) : SIZE_MAX, got;

	got = mcsafe_iter_to_iter(&dst->it, &src->it, n, fault);
	if (mcsafe_iter_error(&dst->it) != mcsafe_iter_error(&src->it))
		return wrong("the two iterators disagree about the error");
	if (dst->m.side != MCSAFE_SIDE_DESTINATION || src->m.side != MCSAFE_SIDE_SOURCE) {
		src->m.error = -EINVAL;
		return check_refused(&dst->m, got, mcsafe_iter_error(&dst->it), -EINVAL, fault,
				     MCSAFE_SIDE_NONE, 0);
	}
	return check_copy(&to, &from, n, got, mcsafe_iter_error(&dst->it), fault);
}

static const char *check_answer(const char *what, int got, int want)
{
	return got == want ? NULL : wrong("%s: %d and not %d", what, got, want);
}

static const char *op_control(struct actor *a)
{
	size_t left = a->m.end - a->m.pos, n;

	switch (pick(8)) {
	case 0:
		n = pick(left + 2);
		return check_answer("advance", mcsafe_iter_advance(&a->it, n),
				    model_advance(&a->m, n));
	case 1:
		n = pick(a->m.pos + 2);
		return check_answer("revert", mcsafe_iter_revert(&a->it, n),
				    model_revert(&a->m, n));
	case 2:
		n = pick(left + 2);
		mcsafe_iter_truncate(&a->it, n);
		model_truncate(&a->m, n);
		return NULL;
	case 3:
		n = pick(a->m.total - a->m.pos + 2);
		return check_answer("reexpand", mcsafe_iter_reexpand(&a->it, n),
				    model_reexpand(&a->m, n));
	case 4:
		mcsafe_iter_save(&a->it, &a->state);
		a->saved_pos = a->m.pos;
		a->saved_end = a->m.end;
		a->has_state = true;
		return NULL;
	case 5:
		if (!a->has_state)
			return NULL;
		n = a->m.flavour == MODEL_STREAM && a->m.pos != a->saved_pos;
		if (n == 0) {
			a->m.pos = a->saved_pos;
			a->m.end = a->saved_end;
		}
		return check_answer("restore", mcsafe_iter_restore(&a->it, &a->state),
				    n == 0 ? 0 : -ESPIPE);
	default: {
		/* An iterator is a value: a copy of it continues where the original is. */
		struct mcsafe_iter copy = a->it;

		memset(&a->it, UNWRITTEN, sizeof(a->it));
		a->it = copy;
		return NULL;
	}
	}
}

static const char *check_number(const char *what, size_t got, size_t want)
{
	return got == want ? NULL : wrong("%s: %zu instead of %zu", what, got, want);
}

static const char *op_queries(struct actor *a)
{
	struct iovec got[MAX_SEGS + 1], want[MAX_SEGS + 1];
	size_t room = pick(MAX_SEGS + 2), max = pick(8), n;
	const char *bad;

	bad = check_number("single_seg_count", mcsafe_iter_single_seg_count(&a->it),
			   model_single_seg_count(&a->m));
	if (bad == NULL)
		bad = check_number("nr_segs", mcsafe_iter_nr_segs(&a->it), model_nr_segs(&a->m));
	if (bad == NULL)
		bad = check_number("npages", mcsafe_iter_npages(&a->it, max),
				   model_npages(&a->m, max));
	if (bad == NULL)
		bad = check_number("npages of all", mcsafe_iter_npages(&a->it, SIZE_MAX),
				   model_npages(&a->m, SIZE_MAX));
	if (bad == NULL)
		bad = check_number("alignment", mcsafe_iter_alignment(&a->it),
				   model_alignment(&a->m));
	if (bad == NULL)
		bad = check_number("gap_alignment", mcsafe_iter_gap_alignment(&a->it),
				   model_gap_alignment(&a->m));
	if (bad != NULL)
		return bad;
	memset(got, UNWRITTEN, sizeof(got));
	memset(want, UNWRITTEN, sizeof(want));
	n = mcsafe_iter_to_iovec(&a->it, got, room);
	bad = check_number("to_iovec", n, model_to_iovec(&a->m, want, room));
	if (bad == NULL && memcmp(got, want, sizeof(got)) != 0)
		bad = "to_iovec: the wrong pieces";
	return bad;
}

static const char *check_place(const struct actor *a)
{
	const char *bad = check_number("count", mcsafe_iter_count(&a->it), a->m.end - a->m.pos);

	return bad != NULL ? bad : check_answer("error", mcsafe_iter_error(&a->it), a->m.error);
}

static const char *run_op(void)
{
	struct actor *a = &actors[pick(2)];

	switch (pick(8)) {
	case 0:
	case 1:
	case 2:
		return op_linear(a);
	case 3:
		return op_zero(a);
	case 4:
	case 5:
		return pick(32) != 0 ? op_between(&actors[0], &actors[1])
				     : op_between(&actors[1], &actors[0]);
	case 6:
		return op_control(a);
	default:
		return op_queries(a);
	}
}

/* Actor 0 is a destination, and actor 1 is a source. */
static const char *begin(void)
{
	/*
	 * One system call costs as much as many copies, so not every script uses files and pipes.
	 */
	static const enum model_flavour flavours[] = {
		MODEL_UBUF, MODEL_IOVEC, MODEL_IOVEC, MODEL_IOVEC, MODEL_KVEC,
		MODEL_KVEC, MODEL_BVEC,  MODEL_BVEC,  MODEL_BVEC,  MODEL_DISCARD,
	};
	size_t to = pick(32), from = pick(32);
	enum model_flavour dst = flavours[to % 10], src = flavours[from % 9];

	if (to >= 30)
		dst = to == 30 ? MODEL_FILES : MODEL_STREAM;
	if (from >= 31)
		src = MODEL_FILES;
	if (begin_actor(&actors[0], dst, MCSAFE_SIDE_DESTINATION) != 0 ||
	    begin_actor(&actors[1], src, MCSAFE_SIDE_SOURCE) != 0)
		return wrong("an iterator was refused, flavours %d and %d", (int)dst, (int)src);
	return NULL;
}

const char *script_run(const uint8_t *bytes, size_t n)
{
	const char *bad;
	uintptr_t at;

	script = bytes;
	script_left = n;
	check_all = false;
	sink_written = false;
	bad = begin();
	while (bad == NULL && script_left != 0) {
		errno = ERRNO;
		bad = run_op();
		if (bad == NULL && errno != ERRNO)
			bad = wrong("errno was changed to %d", errno);
		for (int i = 0; bad == NULL && i < 2; i++)
			bad = check_place(&actors[i]);
	}
	at = bad == NULL ? pool_difference(check_all) : 0;
	if (at != 0)
		bad = wrong("memory differs from the model at 0x%" PRIxPTR, at);
	if (bad == NULL && sink_written && memcmp(sink_map, sink_model, MODEL_FILE) != 0)
		bad = "the file differs from the model";
	return bad;
}
