/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interpose.c - stand in for the copies of libmcsafe, and make some of them fail
 *
 * In the shared library, these functions come before those of libmcsafe, which they find as the
 * next ones (RTLD_NEXT of dlsym(3)). In the static library, the linker directs calls here, and
 * names libmcsafe's functions __real_NAME (ld(1), --wrap).
 *
 * A copy that is made to fail loads from a byte that is really bad. So the signal, the work of the
 * handler, and the record are real. Only the address in the record is translated.
 */
#include "schedule.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <mcsafe/copy.h>

#include "base/page.h"

#ifndef MCSAFE__INJECT_WRAP
# include <dlfcn.h>
#endif

typedef size_t copy_fn(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
typedef size_t set_fn(void *dst, int c, size_t n, struct mcsafe_fault *fault);

#ifdef MCSAFE__INJECT_WRAP

# define INTERPOSED(name) __wrap_##name

copy_fn __wrap_mcsafe_memcpy, __wrap_mcsafe_memcpy_flushcache;
copy_fn __real_mcsafe_memcpy, __real_mcsafe_memcpy_flushcache;
set_fn __wrap_mcsafe_memset, __real_mcsafe_memset;
size_t __wrap_memcpy_mcsafe(void *dst, const void *src, size_t n);

# define real_memcpy()     __real_mcsafe_memcpy
# define real_flushcache() __real_mcsafe_memcpy_flushcache
# define real_memset()     __real_mcsafe_memset

#else

# define INTERPOSED(name) name

/* The result of dlsym(3) as a function. */
union real {
	void *symbol;
	copy_fn *copy;
	set_fn *set;
};

static _Atomic(void *) next_memcpy, next_flushcache, next_memset;

static union real next(_Atomic(void *) *known, const char *name)
{
	union real real = {.symbol = atomic_load_explicit(known, memory_order_relaxed)};

	if (real.symbol == NULL) {
		real.symbol = dlsym(RTLD_NEXT, name);
		atomic_store_explicit(known, real.symbol, memory_order_relaxed);
	}
	return real;
}

static copy_fn *real_memcpy(void)
{
	return next(&next_memcpy, "mcsafe_memcpy").copy;
}

static copy_fn *real_flushcache(void)
{
	return next(&next_flushcache, "mcsafe_memcpy_flushcache").copy;
}

static set_fn *real_memset(void)
{
	return next(&next_memset, "mcsafe_memset").set;
}

/*
 * dlsym(3) is not AS-Safe, but the copies are. So it is called here, before nearly all copies. If
 * there is no next function, libmcsafe comes first, and nothing calls the functions of this file
 * (mcsafe_inject_schedule()).
 */
__attribute__((constructor)) static void find_all(void)
{
	real_memcpy();
	real_flushcache();
	real_memset();
}

#endif /* MCSAFE__INJECT_WRAP */

static bool is_memory(const void *start, size_t n)
{
	return n != 0 && !mcsafe__wraps((uintptr_t)start, n);
}

/* What the program has called, and where the call returns to. */
struct call {
	const char *function;
	const void *caller;
};

#define CALL(name) ((struct call){name, __builtin_return_address(0)})

/* Write the record of the real fault, with an address in the operand. */
static size_t failed(struct call call, size_t order, size_t n, size_t offset, const void *operand,
		     struct mcsafe_fault *fault, const struct mcsafe_fault *real)
{
	if (fault != NULL) {
		*fault = *real;
		fault->addr = (char *)(uintptr_t)operand + offset;
	}
	mcsafe__schedule_failed(order, call.function, n, offset, call.caller);
	return n - offset;
}

static size_t copy(struct call call, copy_fn *real, void *dst, const void *src, size_t n,
		   struct mcsafe_fault *fault)
{
	struct mcsafe_fault own;
	size_t order, offset, left;

	/* A copy of no bytes, or one that is refused, does not count. */
	if (!is_memory(src, n) || !is_memory(dst, n))
		return real(dst, src, n, fault);
	order = mcsafe__schedule_next(n, &offset);
	if (order == 0)
		return real(dst, src, n, fault);

	left = real(dst, src, offset, fault);
	if (left != 0) /* the memory before the offset is really bad */
		return left + (n - offset);
	if (real((char *)dst + offset, mcsafe__schedule_bad_byte(), 1, &own) == 0)
		abort(); /* the bad byte has become good: no result of a test would be valid */
	return failed(call, order, n, offset, src, fault, &own);
}

size_t INTERPOSED(mcsafe_memcpy)(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	if (dst == &mcsafe__schedule_probe && src == dst && n == 0)
		mcsafe__schedule_intercepted();
	return copy(CALL("mcsafe_memcpy"), real_memcpy(), dst, src, n, fault);
}

size_t INTERPOSED(memcpy_mcsafe)(void *dst, const void *src, size_t n)
{
	return copy(CALL("memcpy_mcsafe"), real_memcpy(), dst, src, n, NULL);
}

size_t INTERPOSED(mcsafe_memcpy_flushcache)(void *dst, const void *src, size_t n,
					    struct mcsafe_fault *fault)
{
	return copy(CALL("mcsafe_memcpy_flushcache"), real_flushcache(), dst, src, n, fault);
}

size_t INTERPOSED(mcsafe_memset)(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	set_fn *real = real_memset();
	struct mcsafe_fault own;
	size_t order, offset, left;

	if (!is_memory(dst, n))
		return real(dst, c, n, fault);
	order = mcsafe__schedule_next(n, &offset);
	if (order == 0)
		return real(dst, c, n, fault);

	left = real(dst, c, offset, fault);
	if (left != 0)
		return left + (n - offset);
	if (real(mcsafe__schedule_bad_byte(), c, 1, &own) == 0)
		abort();
	return failed(CALL("mcsafe_memset"), order, n, offset, dst, fault, &own);
}
