/* SPDX-License-Identifier: BSD-3-Clause */
/* fault_kind.c - the kinds of bad memory that a program can make without privilege */
#include "fault_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "region.h"
#include "run.h"

/* Newer than the kernel headers that we can ask for. */
#ifndef MADV_GUARD_INSTALL
# define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFDIO_POISON /* Linux 6.6 */
# define UFFD_FEATURE_POISON (1 << 14)

struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};

# define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

static size_t bad_size(const struct t_region *region)
{
	return (size_t)(region->bad_end - region->bad);
}

static void protect(const struct t_region *region, int protection)
{
	assert_int_equal(mprotect(region->bad, bad_size(region), protection), 0);
}

static const char *plant_unmapped(struct t_region *region, size_t size)
{
	assert_int_equal(munmap(region->bad, size), 0);
	return NULL;
}

static const char *plant_prot_none(struct t_region *region, size_t size)
{
	(void)size;
	protect(region, PROT_NONE);
	return NULL;
}

static const char *plant_read_only(struct t_region *region, size_t size)
{
	memset(region->bad, 0xa5, size); /* so that a store of 0 would be seen */
	protect(region, PROT_READ);
	return NULL;
}

/* The pages are in use before the file loses them. */
static const char *plant_truncated(struct t_region *region, size_t size)
{
	memset(region->bad, 0xa5, size);
	assert_int_equal(ftruncate(region->fd, region->bad - region->good), 0);
	return NULL;
}

static const char *plant_guard(struct t_region *region, size_t size)
{
	if (madvise(region->bad, size, MADV_GUARD_INSTALL) == 0)
		return NULL;
	assert_int_equal(errno, EINVAL);
	return "no MADV_GUARD_INSTALL, which came with Linux 6.13";
}

static const char *poison(int uffd, struct t_region *region)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_POISON};
	struct uffdio_register pages = {
		.range = {(uintptr_t)region->bad, bad_size(region)},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_poison lose = {.range = pages.range};

	if (ioctl(uffd, UFFDIO_API, &api) != 0)
		return "no UFFD_FEATURE_POISON, which came with Linux 6.6";
	assert_int_equal(ioctl(uffd, UFFDIO_REGISTER, &pages), 0);
	assert_int_equal(ioctl(uffd, UFFDIO_POISON, &lose), 0);
	assert_int_equal(lose.updated, bad_size(region));
	return NULL;
}

/* The poison stays when the descriptor is closed, until the pages are unmapped. */
static const char *plant_poison(struct t_region *region, size_t size)
{
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	const char *unsupported;

	(void)size;
	if (uffd == -1)
		return strerror(errno);
	unsupported = poison(uffd, region);
	close(uffd);
	return unsupported;
}

/*
 * Bits 63 to 56 are not all the same, so this is no address with 57-bit linear addresses either.
 * The highest page below such a hole can never be mapped: no good byte comes right before it.
 */
static const char *plant_non_canonical(struct t_region *region, size_t size)
{
	region->good = region->bad = (unsigned char *)UINT64_C(0x1234000000000000);
	region->bad_end = region->bad + size;
	return NULL;
}

#define BOTH_SIDES (T_SIDE(MCSAFE_SIDE_SOURCE) | T_SIDE(MCSAFE_SIDE_DESTINATION))

const struct t_fault_kind t_fault_kinds[] = {
	{
		.name = "unmapped",
		.sides = BOTH_SIDES,
		.mapped = true,
		.plant = plant_unmapped,
		.allowed = {{.signo = SIGSEGV, .code = SEGV_MAPERR, .exact = true}},
	},
	{
		.name = "prot_none",
		.sides = BOTH_SIDES,
		.mapped = true,
		.plant = plant_prot_none,
		.allowed = {{.signo = SIGSEGV, .code = SEGV_ACCERR, .exact = true}},
	},
	{
		.name = "read_only",
		.sides = T_SIDE(MCSAFE_SIDE_DESTINATION),
		.mapped = true,
		.plant = plant_read_only,
		.allowed = {{.signo = SIGSEGV, .code = SEGV_ACCERR, .exact = true}},
	},
	{
		.name = "truncated",
		.sides = BOTH_SIDES,
		.mapped = true,
		.in_file = true,
		.plant = plant_truncated,
		.allowed = {{.signo = SIGBUS, .code = BUS_ADRERR, .exact = true}},
	},
	{
		/* The first with CONFIG_MEMORY_FAILURE, the second without. */
		.name = "poison",
		.sides = BOTH_SIDES,
		.mapped = true,
		.plant = plant_poison,
		.allowed = {{.signo = SIGBUS, .code = BUS_MCEERR_AR, .lsb = 12, .exact = true},
			    {.signo = SIGBUS, .code = BUS_ADRERR, .exact = true}},
	},
	{
		.name = "guard",
		.sides = BOTH_SIDES,
		.mapped = true,
		.plant = plant_guard,
		.allowed = {{.signo = SIGSEGV, .code = SEGV_MAPERR, .exact = true}},
	},
	{
		.name = "non_canonical",
		.sides = BOTH_SIDES,
		.plant = plant_non_canonical,
		.allowed = {{.signo = SIGSEGV, .code = SI_KERNEL, .addr = 0}},
	},
};

const size_t t_n_fault_kinds = T_LENGTH(t_fault_kinds);

const struct t_fault_kind *t_fault_kind(const char *name)
{
	for (size_t i = 0; i < t_n_fault_kinds; i++)
		if (strcmp(t_fault_kinds[i].name, name) == 0)
			return &t_fault_kinds[i];
	fail_msg("no kind of fault is called %s", name);
	return NULL;
}

bool t_fault_kind_allows(const struct t_fault_kind *kind, const struct t_report *report)
{
	for (size_t i = 0; kind->allowed[i].signo != 0; i++)
		if (t_report_equal(&kind->allowed[i], report))
			return true;
	return false;
}
