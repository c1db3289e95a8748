/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * poison_matrix.c - every engine copies across really poisoned pages of every kind of memory
 *
 * The regions of the kit are anonymous memory or a memfd, in small pages, and any process can make
 * them bad. Here the memory is of every kind, and root poisons a page of it for good.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"

#define LINE  ((size_t)64)
#define ZONE  ((size_t)128) /* red zone on either side of the bytes that a copy may write */
#define REACH (3 * T_PAGE)  /* the longest copy */
#define ARENA (REACH + 3 * ZONE)

#define FILL 0xee /* the content of the arena before a copy; pattern() never gives it */

/* What read(2) gives for a file after its page was poisoned under a mapping. */
enum file_view {
	NO_FILE,
	FILE_STOPS, /* the kernel keeps the page, and remembers that it is bad */
	FILE_OLD,   /* the kernel drops the page with all data that was never written to the disk */
	FILE_GOOD,  /* the kernel drops the page, and reads the same data from the disk */
};

/* One kind of memory: how to get it, and what poison in a page does to it. */
struct memory_type {
	const char *name;
	int (*open)(size_t size);
	int map_flags;
	int advice;      /* for madvise(2) before the first access; 0 for none */
	size_t size;     /* of the mapping */
	size_t poisoned; /* offset of the page that MADV_HWPOISON poisons */
	size_t lost;     /* bytes that a mapping loses with that page; 0: none */
	enum file_view view;
};

struct mapping {
	const struct memory_type *type;
	unsigned char *base;
	int fd;
	unsigned char *expected; /* the content of the mapping where it can be read */
	size_t bad;              /* offset of the first lost byte */
	size_t bad_end;
	unsigned char *arena; /* ordinary memory for the other side of a copy */
	size_t turns;
	size_t copies;
	size_t preads;
	size_t shorter; /* how often pread(2) read less than the copy */
};

/* One copy between the mapping, at `at`, and the arena. */
struct trial {
	struct mapping *mapping;
	enum mcsafe_side side; /* the side of the mapping */
	size_t at;
	size_t alignment; /* alignment of the operand in the arena */
	size_t n;
};

/* The names of the engines that this processor can run. */
static char engine_names[256];
static const char *engines[16];
static size_t n_engines;

static unsigned char pattern(size_t i)
{
	return (unsigned char)(((uint32_t)i * 2654435761u) >> 25);
}

/* Differs from pattern() in every byte. */
static unsigned char old_pattern(size_t i)
{
	return pattern(i) ^ 0x2a;
}

static bool pread_leaves_out_small_pages; /* this kernel's, of hugetlbfs */

/* The bytes that are stored into the mapping: they differ from both other patterns everywhere. */
static unsigned char new_pattern(size_t i)
{
	return pattern(i) | 0x80;
}

static void check(const struct trial *trial, bool ok, const char *what)
{
	if (ok)
		return;
	print_error("%s, %s as %s: offset %zu (the lost bytes are %zu to %zu), other operand at "
		    "alignment %zu, length %zu: %s\n",
		    mcsafe_engine_name(), trial->mapping->type->name,
		    trial->side == MCSAFE_SIDE_SOURCE ? "source" : "destination", trial->at,
		    trial->mapping->bad, trial->mapping->bad_end, trial->alignment, trial->n, what);
	fail();
}

/* ---- kinds of memory ----------------------------------------------------------------------- */

static int open_nothing(size_t size)
{
	(void)size;
	return -1;
}

static int sized(int fd, size_t size)
{
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int open_memfd(size_t size)
{
	return sized(memfd_create("poison", MFD_CLOEXEC), size);
}

static int open_unlinked(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(unlink(path), 0);
	return sized(fd, size);
}

static int open_tmpfs(size_t size)
{
	return open_unlinked("/tmp/poison", size);
}

static int open_hugetlbfs(size_t size)
{
	return open_unlinked("/mnt/huge/poison", size);
}

/* One page at a time, so that ext4 does not keep them in one large folio. The kernel cannot take a
 * page out of such a folio while it is dirty: see src/inject/folio.c. */
static int open_ext4(size_t size, unsigned char (*content)(size_t i))
{
	int fd = open_unlinked("/mnt/ext4/poison", size);
	unsigned char bytes[T_PAGE];

	for (size_t at = 0; at < size; at += T_PAGE) {
		for (size_t i = 0; i < T_PAGE; i++)
			bytes[i] = content(at + i);
		assert_int_equal(pwrite(fd, bytes, T_PAGE, (off_t)at), T_PAGE);
	}
	assert_int_equal(fsync(fd), 0);
	return fd;
}

static int open_ext4_old(size_t size)
{
	return open_ext4(size, old_pattern);
}

static int open_ext4_current(size_t size)
{
	return open_ext4(size, pattern);
}

/* Maps at the alignment of a huge page, which a transparent huge page needs. */
static unsigned char *map(const struct memory_type *type, int fd)
{
	const int protection = PROT_READ | PROT_WRITE;
	unsigned char *room = mmap(NULL, type->size + T_HUGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *base;

	assert_ptr_not_equal(room, MAP_FAILED);
	base = room + (T_HUGE - (uintptr_t)room % T_HUGE);
	assert_ptr_equal(mmap(base, type->size, protection, type->map_flags | MAP_FIXED, fd, 0),
			 base);
	if (type->advice)
		assert_int_equal(madvise(base, type->size, type->advice), 0);
	return base;
}

/* Writes to every page, or reads it. An untouched page would be the zero page, or missing. */
static void populate(struct mapping *mapping)
{
	for (size_t i = 0; i < mapping->type->size; i++) {
		mapping->expected[i] = pattern(i);
		if (mapping->type->view != FILE_GOOD)
			mapping->base[i] = pattern(i);
	}
	assert_memory_equal(mapping->base, mapping->expected, mapping->type->size);
}

static void open_mapping(struct mapping *mapping, const struct memory_type *type)
{
	*mapping = (struct mapping){
		.type = type,
		.fd = type->open(type->size),
		.expected = malloc(type->size),
		.arena = malloc(ARENA),
	};
	assert_non_null(mapping->expected);
	assert_non_null(mapping->arena);
	if (type->lost) {
		mapping->bad = type->poisoned - type->poisoned % type->lost;
		mapping->bad_end = mapping->bad + type->lost;
	} else {
		mapping->bad = mapping->bad_end = type->poisoned;
	}
	mapping->base = map(type, mapping->fd);
	populate(mapping);
}

static void close_mapping(struct mapping *mapping)
{
	munmap(mapping->base, mapping->type->size);
	if (mapping->fd != -1)
		close(mapping->fd);
	free(mapping->arena);
	free(mapping->expected);
}

/* ---- injection ----------------------------------------------------------------------------- */

static long meminfo_kilobytes(const char *field)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	char name[64];
	long value;
	long result = -1;

	assert_non_null(meminfo);
	while (fscanf(meminfo, "%63[^:]: %ld%*[^\n]\n", name, &value) == 2)
		if (strcmp(name, field) == 0)
			result = value;
	fclose(meminfo);
	assert_int_not_equal(result, -1);
	return result;
}

/* The page's entry in pagemap(5), which names the page's frame. */
static uint64_t frame(const unsigned char *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	assert_int_not_equal(fd, -1);
	assert_int_equal(
		pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)page / T_PAGE * sizeof(entry))),
		sizeof(entry));
	close(fd);
	return entry & ((UINT64_C(1) << 55) - 1);
}

static sigjmp_buf after_injection;

static void on_injection(int signo)
{
	(void)signo;
	siglongjmp(after_injection, 1);
}

/*
 * Since Linux 6.11 MADV_HWPOISON counts as consumption: madvise(2) itself ends with SIGBUS if the
 * page is dirty.
 */
static void poison(unsigned char *page)
{
	struct sigaction ours = {.sa_handler = on_injection};
	struct sigaction previous;
	volatile int result = 0;
	long before = meminfo_kilobytes("HardwareCorrupted");

	assert_int_equal(sigaction(SIGBUS, &ours, &previous), 0);
	if (sigsetjmp(after_injection, 1) == 0)
		result = madvise(page, T_PAGE, MADV_HWPOISON) ? errno : 0;
	assert_int_equal(sigaction(SIGBUS, &previous, NULL), 0);
	if (result)
		fail_msg("MADV_HWPOISON needs root and CONFIG_MEMORY_FAILURE: error %d", result);
	assert_true(meminfo_kilobytes("HardwareCorrupted") >= before + 4);
}

/* ---- one copy ------------------------------------------------------------------------------ */

/* The oracle: the number of bytes from `at` to the first lost one. */
static size_t readable(const struct mapping *mapping, size_t at, size_t n)
{
	if (!mapping->type->lost || at >= mapping->bad_end || at + n <= mapping->bad)
		return n;
	return at < mapping->bad ? mapping->bad - at : 0;
}

/* A load may access all of a line that it must touch anyway. A store may not. */
static bool address_plausible(const struct trial *trial, size_t done, uintptr_t addr)
{
	const struct mapping *mapping = trial->mapping;
	uintptr_t base = (uintptr_t)mapping->base;
	uintptr_t low = base + trial->at + done;
	uintptr_t high = base + trial->at + trial->n;

	if (trial->side == MCSAFE_SIDE_SOURCE) {
		low -= low % LINE;
		high += LINE - 1 - (high - 1) % LINE;
	}
	return addr >= low && addr < high && addr >= base + mapping->bad &&
	       addr < base + mapping->bad_end;
}

static void check_fault(const struct trial *trial, size_t done, const struct mcsafe_fault *fault)
{
	check(trial, fault->signo == SIGBUS, "not SIGBUS");
	check(trial, fault->code == BUS_MCEERR_AR, "not BUS_MCEERR_AR");
	check(trial, fault->cause == MCSAFE_CAUSE_POISON, "not poison");
	check(trial, mcsafe_fault_errno(fault) == EHWPOISON, "not EHWPOISON");
	check(trial, fault->side == trial->side, "wrong side");
	check(trial, address_plausible(trial, done, (uintptr_t)fault->addr), "wrong address");
	check(trial, fault->extent == trial->mapping->type->lost, "wrong extent");
	check(trial, fault->ip != NULL, "no instruction");
}

static bool all_fill(const unsigned char *from, size_t n)
{
	static unsigned char fill[ARENA];

	if (!fill[0])
		memset(fill, FILL, sizeof(fill));
	return !memcmp(from, fill, n);
}

/* Whether the mapping holds the expected bytes in [from, to), apart from the lost bytes. */
static bool mapping_intact(const struct mapping *mapping, size_t from, size_t to)
{
	size_t until = to < mapping->bad ? to : mapping->bad;
	size_t again = from > mapping->bad_end ? from : mapping->bad_end;

	if (from < until && memcmp(mapping->base + from, mapping->expected + from, until - from))
		return false;
	return again >= to || !memcmp(mapping->base + again, mapping->expected + again, to - again);
}

/* Checks a copy from the mapping into the arena. */
static void check_loaded(const struct trial *trial, const unsigned char *dst, size_t done)
{
	check(trial, !memcmp(dst, trial->mapping->expected + trial->at, done), "wrong prefix");
	check(trial, all_fill(dst - ZONE, ZONE), "wrote before the destination");
	check(trial, all_fill(dst + done, trial->n - done + ZONE), "wrote past the prefix");
}

/* Checks a copy from the arena into the mapping, and restores the mapping. */
static void check_stored(const struct trial *trial, const unsigned char *src, size_t done)
{
	struct mapping *mapping = trial->mapping;
	size_t from = trial->at > ZONE ? trial->at - ZONE : 0;
	size_t to = trial->at + trial->n + ZONE;

	if (to > mapping->type->size)
		to = mapping->type->size;
	check(trial, !memcmp(mapping->base + trial->at, src, done), "wrong prefix");
	memcpy(mapping->base + trial->at, mapping->expected + trial->at, done);
	check(trial, mapping_intact(mapping, from, to), "wrote outside the prefix");
}

static void try_once(const struct trial *trial, struct mcsafe_fault *fault, bool kernel_name)
{
	struct mapping *mapping = trial->mapping;
	unsigned char *inside = mapping->base + trial->at;
	unsigned char *other = mapping->arena + ZONE + trial->alignment;
	bool load = trial->side == MCSAFE_SIDE_SOURCE;
	unsigned char *dst = load ? other : inside;
	unsigned char *src = load ? inside : other;
	size_t done = readable(mapping, trial->at, trial->n);
	size_t left;

	if (load)
		memset(dst - ZONE, FILL, trial->n + 2 * ZONE);
	left = kernel_name ? memcpy_mcsafe(dst, src, trial->n)
			   : mcsafe_memcpy(dst, src, trial->n, fault);
	mapping->copies++;
	check(trial, left == trial->n - done, "wrong count");
	if (load)
		check_loaded(trial, dst, done);
	else
		check_stored(trial, src, done);
}

/* Makes the same copy three times. Poison stays, so the answer must stay the same. */
static void try_copy(const struct trial *trial)
{
	static const struct mcsafe_fault unwritten = {.signo = -1, .extent = 12345};
	struct mcsafe_fault first = unwritten;
	struct mcsafe_fault second = unwritten;
	size_t done = readable(trial->mapping, trial->at, trial->n);

	try_once(trial, &first, false);
	try_once(trial, &second, false);
	try_once(trial, NULL, true);
	if (done < trial->n)
		check_fault(trial, done, &first);
	else
		check(trial, !memcmp(&first, &unwritten, sizeof(first)),
		      "record written without a fault");
	check(trial, !memcmp(&first, &second, sizeof(first)),
	      "the second copy gives another answer");
}

/*
 * The number of bytes, from `at` on, that pread() may give: as many as the mapping has. Since Linux
 * 6.6 pread() of hugetlbfs leaves out the poisoned page only, and the mapping the huge page.
 */
static size_t preadable(const struct mapping *mapping, size_t at, size_t n)
{
	size_t bad = mapping->type->poisoned;

	if (mapping->type->lost != T_HUGE || !pread_leaves_out_small_pages)
		return readable(mapping, at, n);
	if (at >= bad + T_PAGE || at + n <= bad)
		return n;
	return at < bad ? bad - at : 0;
}

/* The kernel must not get further through the file than the copy gets through the mapping. */
static void try_pread(const struct trial *trial)
{
	struct mapping *mapping = trial->mapping;
	unsigned char *buffer = mapping->arena;
	bool stops = mapping->type->view == FILE_STOPS;
	size_t ours = preadable(mapping, trial->at, trial->n);
	ssize_t result = pread(mapping->fd, buffer, trial->n, (off_t)trial->at);
	size_t got = result > 0 ? (size_t)result : 0;

	mapping->preads++;
	mapping->shorter += got < ours;
	check(trial, result >= 0 || errno == EIO, "pread() fails, but not with EIO");
	if (stops)
		check(trial, got <= ours, "pread() gives more than the mapping");
	else
		check(trial, got == trial->n, "pread() is short");
	for (size_t i = 0; i < got; i++) {
		size_t at = trial->at + i;
		bool lost = !stops && at >= mapping->bad && at < mapping->bad_end;

		check(trial, buffer[i] == (lost ? old_pattern(at) : pattern(at)),
		      "pread() gives wrong bytes");
	}
}

/* ---- many copies --------------------------------------------------------------------------- */

/* Distances before the lost bytes, in addition to 0 to 129. */
static const size_t far_before[] = {191, 192, 193,  255,  256,  257,  511,
				    512, 513, 1023, 4032, 4095, 4096, 4097};

/* More starting points, inside the lost bytes and after them. Negative ones count from the end. */
static const ptrdiff_t inside_or_after[] = {1, 7, 8, 63, 64, 65, 2048, -4033, -65, -64, -8, -1, 0};

static const size_t alignments[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
				    12, 13, 14, 15, 16, 24, 31, 32, 33, 48, 63};

/*
 * Not every combination of alignments is tried, because the emulated machine would need minutes.
 * The alignments take turns instead. The number of turns has no factor in common with the number of
 * lengths, so that each engine meets each pair of alignment and length.
 */
#define TURNS ((size_t)13)

/*
 * Lengths that go past the last good byte before the lost ones. A few lengths that stop short of it
 * are added.
 */
static const size_t overshoot[] = {0, 1, 7, 64, 129, T_PAGE + 67};

static void try_length(struct trial *trial, size_t n)
{
	struct mapping *mapping = trial->mapping;

	trial->n = n;
	if (trial->at + n > mapping->type->size)
		return;
	for (size_t engine = 0; engine < n_engines; engine++) {
		assert_int_equal(mcsafe_engine_set(engines[engine]), 0);
		for (size_t i = (mapping->turns + engine) % TURNS; i < T_LENGTH(alignments);
		     i += TURNS) {
			trial->alignment = alignments[i];
			try_copy(trial);
		}
	}
	mapping->turns++;
	if (trial->side == MCSAFE_SIDE_SOURCE && mapping->type->view != NO_FILE)
		try_pread(trial);
}

static void try_start(struct mapping *mapping, enum mcsafe_side side, size_t at)
{
	struct trial trial = {.mapping = mapping, .side = side, .at = at};
	size_t before = at < mapping->bad ? mapping->bad - at : 0;

	try_length(&trial, 0);
	if (before > 1)
		try_length(&trial, before - 1);
	for (size_t i = 0; i < T_LENGTH(overshoot); i++)
		try_length(&trial, before + overshoot[i]);
}

static void try_side(struct mapping *mapping, enum mcsafe_side side)
{
	for (size_t i = 0; i < ARENA; i++)
		mapping->arena[i] = new_pattern(i);
	for (size_t distance = 0; distance <= 129; distance++)
		try_start(mapping, side, mapping->bad - distance);
	for (size_t i = 0; i < T_LENGTH(far_before); i++)
		try_start(mapping, side, mapping->bad - far_before[i]);
	for (size_t i = 0; i < T_LENGTH(inside_or_after); i++) {
		ptrdiff_t start = inside_or_after[i];
		size_t origin = start > 0 ? mapping->bad : mapping->bad_end;

		try_start(mapping, side, origin + (size_t)start);
	}
}

static void print_result(const struct mapping *mapping)
{
	static const char *const views[] = {
		[FILE_STOPS] = "gets no further",
		[FILE_OLD] = "silently gives what was on the disk before",
		[FILE_GOOD] = "gives the same",
	};

	print_message("%s: %zu copies", mapping->type->name, mapping->copies);
	if (mapping->type->view != NO_FILE)
		print_message("; the kernel's pread() %s; it is shorter %zu of %zu times",
			      views[mapping->type->view], mapping->shorter, mapping->preads);
	print_message("\n");
}

static void test_every_engine_stops_at_poison(void **state)
{
	const struct memory_type *type = *state;
	struct mapping mapping;
	unsigned char *page;
	uint64_t bad_frame;

	open_mapping(&mapping, type);
	page = mapping.base + type->poisoned;
	if (type->advice == MADV_HUGEPAGE)
		assert_true(meminfo_kilobytes("AnonHugePages") >= (long)(type->size / 1024));
	bad_frame = frame(page);
	assert_int_not_equal(bad_frame, 0);
	poison(page);

	/*
	 * Installed here and not in a fixture, because CMocka changes the handlers around every
	 * test.
	 */
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_installed(), 1);
	try_side(&mapping, MCSAFE_SIDE_SOURCE);
	try_side(&mapping, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(mcsafe_uninstall(), 0);

	assert_int_not_equal(frame(page), bad_frame);
	print_result(&mapping);
	close_mapping(&mapping);
}

static struct memory_type types[] = {
	{.name = "anonymous memory",
	 .open = open_nothing,
	 .map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
	 .size = 5 * T_PAGE,
	 .poisoned = 2 * T_PAGE,
	 .lost = T_PAGE},
	{.name = "transparent huge page",
	 .open = open_nothing,
	 .map_flags = MAP_PRIVATE | MAP_ANONYMOUS,
	 .advice = MADV_HUGEPAGE,
	 .size = 2 * T_HUGE,
	 .poisoned = T_HUGE + 5 * T_PAGE,
	 .lost = T_PAGE}, /* the kernel splits the huge page first */
	{.name = "hugetlb page",
	 .open = open_nothing,
	 .map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
	 .size = 3 * T_HUGE,
	 .poisoned = T_HUGE + 5 * T_PAGE,
	 .lost = T_HUGE},
	{.name = "hugetlbfs file",
	 .open = open_hugetlbfs,
	 .map_flags = MAP_SHARED,
	 .size = 3 * T_HUGE,
	 .poisoned = T_HUGE + 5 * T_PAGE,
	 .lost = T_HUGE,
	 .view = FILE_STOPS},
	{.name = "memfd",
	 .open = open_memfd,
	 .map_flags = MAP_SHARED,
	 .size = 5 * T_PAGE,
	 .poisoned = 2 * T_PAGE,
	 .lost = T_PAGE,
	 .view = FILE_STOPS},
	{.name = "tmpfs file",
	 .open = open_tmpfs,
	 .map_flags = MAP_SHARED,
	 .size = 5 * T_PAGE,
	 .poisoned = 2 * T_PAGE,
	 .lost = T_PAGE,
	 .view = FILE_STOPS},
	{.name = "dirty page of an ext4 file",
	 .open = open_ext4_old,
	 .map_flags = MAP_SHARED,
	 .size = 5 * T_PAGE,
	 .poisoned = 2 * T_PAGE,
	 .lost = T_PAGE,
	 .view = FILE_OLD},
	{.name = "clean page of an ext4 file",
	 .open = open_ext4_current,
	 .map_flags = MAP_SHARED,
	 .size = 5 * T_PAGE,
	 .poisoned = 2 * T_PAGE,
	 .view = FILE_GOOD},
};

static void find_engines(void)
{
	char *rest = engine_names;
	const char *name;

	assert_in_range(strlen(mcsafe_engine_names()), 0, sizeof(engine_names) - 1);
	snprintf(engine_names, sizeof(engine_names), "%s", mcsafe_engine_names());
	while ((name = strtok_r(rest, " ", &rest)) != NULL) {
		bool possible = mcsafe_engine_set(name) == 0;

		print_message("engine %s%s\n", name, possible ? "" : ": not on this processor");
		if (!possible)
			continue;
		assert_in_range(n_engines, 0, T_LENGTH(engines) - 1);
		engines[n_engines++] = name;
	}
	assert_int_not_equal(n_engines, 0);
}

/* Prints in one line, before all tests, whether this kernel can do what they need. */
static int set_up(void **state)
{
	struct utsname kernel;
	unsigned char *page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	(void)state;
	assert_int_equal(uname(&kernel), 0);
	print_message("%s %s %s\n", kernel.sysname, kernel.release, kernel.version);
	pread_leaves_out_small_pages = strverscmp(kernel.release, "6.6") >= 0;
	find_engines();
	assert_ptr_not_equal(page, MAP_FAILED);
	poison(page);
	return munmap(page, T_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"test_anonymous_memory", test_every_engine_stops_at_poison, NULL, NULL, &types[0]},
		{"test_transparent_huge_page", test_every_engine_stops_at_poison, NULL, NULL,
		 &types[1]},
		{"test_hugetlb_page", test_every_engine_stops_at_poison, NULL, NULL, &types[2]},
		{"test_hugetlbfs_file", test_every_engine_stops_at_poison, NULL, NULL, &types[3]},
		{"test_memfd", test_every_engine_stops_at_poison, NULL, NULL, &types[4]},
		{"test_tmpfs_file", test_every_engine_stops_at_poison, NULL, NULL, &types[5]},
		{"test_ext4_dirty_page", test_every_engine_stops_at_poison, NULL, NULL, &types[6]},
		{"test_ext4_clean_page", test_every_engine_stops_at_poison, NULL, NULL, &types[7]},
	};

	if (!getenv("MCSAFE_GUEST")) {
		print_error("poison_matrix takes memory out of service permanently: "
			    "run it in a guest, see tests/vm/vm.py\n");
		return EXIT_FAILURE;
	}
	return cmocka_run_group_tests(tests, set_up, NULL);
}
