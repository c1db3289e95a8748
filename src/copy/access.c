/* SPDX-License-Identifier: BSD-3-Clause */
/* access.c - single words out of line: argument rules, and the fault record */

/* The library has no rows in the table of inline accesses, and needs no constructor for it. */
#define MCSAFE_ACCESS_INLINE 0

#include "access.h"

#include <mcsafe/access.h>

#include "base/msan.h"

#define N_SIZES 4

/* The index of the routine for 1, 2, 4 or 8 bytes. N_SIZES for any other size. */
static unsigned index_of(size_t size)
{
	switch (size) {
	case 1:
		return 0;
	case 2:
		return 1;
	case 4:
		return 2;
	case 8:
		return 3;
	default:
		return N_SIZES;
	}
}

/* The result of an access. stopped->cause is NONE if the access did not fail. */
static enum mcsafe_cause finish(const struct mcsafe_fault *stopped, uint64_t *result, uint64_t got,
				struct mcsafe_fault *fault)
{
	if (stopped->cause == MCSAFE_CAUSE_NONE)
		*result = got;
	else if (fault != NULL)
		*fault = *stopped;
	return stopped->cause;
}

/*
 * Tell MemorySanitizer about a word at `at`: *value was stored there, and *old is the word that was
 * there before. The shadow of *was is a copy of the word's shadow from before the access.
 */
static void exchanged(void *at, const uint64_t *value, uint64_t *old, const uint64_t *was,
		      size_t size)
{
	mcsafe__msan_copied(old, was, size);
	mcsafe__msan_copied(at, value, size);
}

static uint64_t lower_bytes(uint64_t value, size_t size)
{
	return value & UINT64_MAX >> (64 - 8 * size);
}

enum mcsafe_cause mcsafe_access_load(const volatile void *p, size_t size, uint64_t *value,
				     struct mcsafe_fault *fault)
{
	static mcsafe__load_fn *const load[N_SIZES] = {mcsafe__load_1, mcsafe__load_2,
						       mcsafe__load_4, mcsafe__load_8};
	struct mcsafe_fault stopped;
	const void *at = (const void *)(uintptr_t)p;
	unsigned i = index_of(size);
	uint64_t got;

	if (i == N_SIZES)
		return MCSAFE_CAUSE_UNKNOWN;
	stopped.cause = MCSAFE_CAUSE_NONE;
	got = load[i](at, &stopped);
	mcsafe__msan_copied(&got, at, stopped.cause == MCSAFE_CAUSE_NONE ? size : 0);
	return finish(&stopped, value, got, fault);
}

static enum mcsafe_cause change(mcsafe__store_fn *const change[N_SIZES], volatile void *p,
				size_t size, uint64_t value, uint64_t *old,
				struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	void *at = (void *)(uintptr_t)p;
	unsigned i = index_of(size);
	uint64_t got, was = 0;

	if (i == N_SIZES)
		return MCSAFE_CAUSE_UNKNOWN;
	mcsafe__msan_copied(&was, at, size);
	stopped.cause = MCSAFE_CAUSE_NONE;
	got = change[i](at, value, &stopped);
	if (stopped.cause == MCSAFE_CAUSE_NONE)
		exchanged(at, &value, &got, &was, size);
	return finish(&stopped, old, got, fault);
}

enum mcsafe_cause mcsafe_access_store(volatile void *p, size_t size, uint64_t value,
				      struct mcsafe_fault *fault)
{
	static mcsafe__store_fn *const store[N_SIZES] = {mcsafe__store_1, mcsafe__store_2,
							 mcsafe__store_4, mcsafe__store_8};
	uint64_t nothing;

	return change(store, p, size, value, &nothing, fault);
}

enum mcsafe_cause mcsafe_access_xchg(volatile void *p, size_t size, uint64_t value, uint64_t *old,
				     struct mcsafe_fault *fault)
{
	static mcsafe__store_fn *const xchg[N_SIZES] = {mcsafe__xchg_1, mcsafe__xchg_2,
							mcsafe__xchg_4, mcsafe__xchg_8};

	return change(xchg, p, size, value, old, fault);
}

enum mcsafe_cause mcsafe_access_cmpxchg(volatile void *p, size_t size, uint64_t expected,
					uint64_t desired, uint64_t *seen,
					struct mcsafe_fault *fault)
{
	static mcsafe__cmpxchg_fn *const cmpxchg[N_SIZES] = {mcsafe__cmpxchg_1, mcsafe__cmpxchg_2,
							     mcsafe__cmpxchg_4, mcsafe__cmpxchg_8};
	struct mcsafe_fault stopped;
	void *at = (void *)(uintptr_t)p;
	unsigned i = index_of(size);
	uint64_t got, was = 0;

	if (i == N_SIZES)
		return MCSAFE_CAUSE_UNKNOWN;
	mcsafe__msan_copied(&was, at, size);
	stopped.cause = MCSAFE_CAUSE_NONE;
	got = cmpxchg[i](at, desired, &stopped, expected);
	if (stopped.cause == MCSAFE_CAUSE_NONE)
		exchanged(at, got == lower_bytes(expected, size) ? &desired : &was, &got, &was,
			  size);
	return finish(&stopped, seen, got, fault);
}
