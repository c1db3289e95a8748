/* SPDX-License-Identifier: BSD-3-Clause */
/* fault_kind.c - the kinds of bad memory that a program can make without privilege */
#include "fault_kind.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "region.h"
#include "run.h"

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

/* By the injection component, as its users do. t_region_close() clears the injection. */
static const char *inject(struct t_region *region, enum mcsafe_inject_kind kind)
{
	int err = mcsafe_inject_supported(kind);

	if (err == 0)
		err = mcsafe_inject(region->bad, bad_size(region), kind);
	return err == 0 ? NULL : mcsafe_inject_reason();
}

static const char *plant_guard(struct t_region *region, size_t size)
{
	(void)size;
	return inject(region, MCSAFE_INJECT_GUARD);
}

static const char *plant_poison(struct t_region *region, size_t size)
{
	(void)size;
	return inject(region, MCSAFE_INJECT_POISON);
}

/*
 * Bits 63 to 56 are not all the same, so this address is not canonical with 57-bit linear addresses
 * either. No good byte can come right before the first address that is not canonical, because the
 * kernel never maps the highest page below it.
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
