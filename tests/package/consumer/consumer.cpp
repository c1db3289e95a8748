/* SPDX-License-Identifier: BSD-3-Clause */
/* consumer.cpp - the same program in C++, and checks that only C++ can make */
#include <cstdlib>

#include <mcsafe/guard.hpp>
#include <mcsafe/shield.hpp>

#include "consumer.c"

static_assert(noexcept(mcsafe_install()), "declared noexcept");
static_assert(noexcept(memcpy_mcsafe(nullptr, nullptr, 0)), "declared noexcept");
static_assert(sizeof(mcsafe::shield) == sizeof(void *), "only the pointer");

/* Called before main(), which belongs to the C program. */
static int throws_and_returns()
{
	const long page = sysconf(_SC_PAGESIZE);
	void *bad = mmap(nullptr, std::size_t(page), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const volatile char *p = static_cast<const volatile char *>(bad);
	int caught = 0;

	if (!check("installed before main()", mcsafe_install() == 0))
		std::exit(1);
#ifdef __EXCEPTIONS
	try {
		mcsafe::call(bad, std::size_t(page), [=] { return int(*p); });
	} catch (const mcsafe::fault_error &error) {
		caught += error.fault().addr == bad;
	}
#else
	caught++;
#endif
	caught += mcsafe::try_call(bad, std::size_t(page), [=] { return int(*p); }).has_value() ? 0
												: 1;
	caught += *mcsafe::try_call(bad, std::size_t(page), [] { return 1; });
	if (!check("faults as exceptions and as values", caught == 3))
		std::exit(1);
	return caught;
}

static const int caught_before_main = throws_and_returns();
