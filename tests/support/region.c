/* SPDX-License-Identifier: BSD-3-Clause */
/* region.c - some good pages followed by some bad ones, between guard pages */
#include "region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "run.h"
#include "tool.h"

/*
 * Between 1 and 2 GiB. The kernel chooses no address there for mmap(2) calls of other code, which
 * could fill the hole of a region whose bad pages are unmapped. Sanitizers permit mappings there.
 */
#define LOWEST  UINT64_C(0x40000000)
#define HIGHEST UINT64_C(0x7f000000)
#define STEP    UINT64_C(0x100000)

/*
 * Valgrind does not know MAP_FIXED_NOREPLACE, and takes the address as a hint. It maps nothing
 * there for itself, so only other regions could be in the way. They are closed before the addresses
 * are used again.
 */
static void *reserve_in_turn(size_t size)
{
	static uintptr_t next = LOWEST;
	uintptr_t addr = next + size < HIGHEST ? next : LOWEST;
	void *map =
		mmap((void *)addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	assert_ptr_equal(map, (void *)addr);
	next = (addr + size + STEP - 1) & ~(STEP - 1);
	return map;
}

static void *reserve(size_t size)
{
	if (t_with_valgrind())
		return reserve_in_turn(size);
	for (uintptr_t addr = LOWEST; addr < HIGHEST; addr += STEP) {
		void *map = mmap((void *)addr, size, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (map != MAP_FAILED) {
			assert_ptr_equal(map, (void *)addr);
			return map;
		}
		assert_int_equal(errno, EEXIST);
	}
	fail_msg("no room for %zu bytes below 2 GiB", size);
	return NULL;
}

static void map_pages(struct t_region *region, size_t good_size, size_t bad_size)
{
	size_t size = good_size + bad_size;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	if (region->kind->in_file) {
		region->fd = memfd_create("region", MFD_CLOEXEC);
		assert_int_not_equal(region->fd, -1);
		assert_int_equal(ftruncate(region->fd, (off_t)size), 0);
		flags = MAP_SHARED;
	}
	region->map_size = size + 2 * T_PAGE;
	region->map = reserve(region->map_size);
	region->good = (unsigned char *)region->map + T_PAGE;
	region->bad = region->good + good_size;
	region->bad_end = region->bad + bad_size;
	assert_ptr_equal(
		mmap(region->good, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, region->fd, 0),
		region->good);
}

static void release(struct t_region *region)
{
	if (region->map != NULL) {
		int err = mcsafe_inject_clear(region->bad, (size_t)(region->bad_end - region->bad));

		assert_true(err == 0 || err == -ENOENT); /* or it was made bad in another way */
		assert_int_equal(munmap(region->map, region->map_size), 0);
	}
	if (region->fd != -1)
		close(region->fd);
	free(region->image);
}

/* Probes both ends: an mmap(2) of other code may have filled one side of a hole. */
static void probe_both_ends(const struct t_region *region, enum mcsafe_side access,
			    const struct t_report *expected)
{
	uintptr_t ends[] = {(uintptr_t)region->bad, (uintptr_t)region->bad_end - 1};

	for (size_t i = 0; i < T_LENGTH(ends); i++) {
		struct t_report report = t_probe(ends[i], access);

		if (!t_report_equal(&report, expected))
			fail_msg("%s: a %s gives signal %d code %d lsb %u, not signal %d code %d "
				 "lsb %u",
				 region->kind->name,
				 access == MCSAFE_SIDE_SOURCE ? "load" : "store", report.signo,
				 report.code, report.lsb, expected->signo, expected->code,
				 expected->lsb);
	}
}

static struct t_report learn(const struct t_region *region, enum mcsafe_side access)
{
	struct t_report report = {0};

	if (!(region->kind->sides & T_SIDE(access)))
		return report;
	report = t_probe((uintptr_t)region->bad, access);
	if (!t_fault_kind_allows(region->kind, &report))
		fail_msg("%s: the kernel reports signal %d code %d lsb %u", region->kind->name,
			 report.signo, report.code, report.lsb);
	return report;
}

static void verify_badness(const struct t_region *region)
{
	for (enum mcsafe_side side = MCSAFE_SIDE_SOURCE; side <= MCSAFE_SIDE_DESTINATION; side++)
		if (region->kind->sides & T_SIDE(side))
			probe_both_ends(region, side, t_region_report(region, side));
}

const char *t_region_open(struct t_region *region, const struct t_fault_kind *kind,
			  size_t good_pages, size_t bad_pages)
{
	const char *unsupported;

	memset(region, 0, sizeof(*region));
	region->kind = kind;
	region->fd = -1;
	if (kind->mapped)
		map_pages(region, good_pages * T_PAGE, bad_pages * T_PAGE);
	unsupported = kind->plant(region, bad_pages * T_PAGE);
	if (unsupported != NULL) {
		release(region);
		return unsupported;
	}
	region->readable_end =
		kind->sides & T_SIDE(MCSAFE_SIDE_SOURCE) ? region->bad : region->bad_end;
	region->image = calloc(1, (size_t)(region->readable_end - region->good) + 1);
	assert_non_null(region->image);
	memcpy(region->image, region->good, (size_t)(region->readable_end - region->good));
	region->load = learn(region, MCSAFE_SIDE_SOURCE);
	region->store = learn(region, MCSAFE_SIDE_DESTINATION);
	verify_badness(region);
	return NULL;
}

void t_region_need(struct t_region *region, const struct t_fault_kind *kind, size_t good_pages,
		   size_t bad_pages)
{
	const char *unsupported = t_region_open(region, kind, good_pages, bad_pages);

	if (unsupported != NULL)
		t_skip("%s: %s", kind->name, unsupported);
}

void t_region_wild(struct t_region *region, uintptr_t addr, size_t size)
{
	static const struct t_fault_kind wild = {
		.name = "wild address",
		.sides = T_SIDE(MCSAFE_SIDE_SOURCE) | T_SIDE(MCSAFE_SIDE_DESTINATION),
	};

	memset(region, 0, sizeof(*region));
	region->kind = &wild;
	region->fd = -1;
	region->good = region->bad = region->readable_end = (unsigned char *)addr;
	region->bad_end = (unsigned char *)(addr + size);
	region->load = t_probe(addr, MCSAFE_SIDE_SOURCE);
	region->store = t_probe(addr, MCSAFE_SIDE_DESTINATION);
	assert_int_not_equal(region->load.signo, 0);
	assert_int_not_equal(region->store.signo, 0);
}

void t_region_fill(struct t_region *region, unsigned char (*content)(size_t i))
{
	size_t good_size = (size_t)(region->bad - region->good);

	for (size_t i = 0; i < good_size; i++)
		region->good[i] = region->image[i] = content(i);
}

void t_region_verify(const struct t_region *region)
{
	size_t size = (size_t)(region->readable_end - region->good);

	for (size_t i = 0; i < size; i++)
		if (region->good[i] != region->image[i])
			fail_msg("%s: byte %zu was changed to 0x%02x, must be 0x%02x",
				 region->kind->name, i, region->good[i], region->image[i]);
	verify_badness(region);
}

void t_region_close(struct t_region *region)
{
	t_region_verify(region);
	release(region);
}

const struct t_report *t_region_report(const struct t_region *region, enum mcsafe_side side)
{
	return side == MCSAFE_SIDE_SOURCE ? &region->load : &region->store;
}
