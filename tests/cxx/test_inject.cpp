/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_inject.cpp - what mcsafe.hpp tells about each kind of bad memory that can be injected
 *
 *	test_cxx_inject KIND
 *
 * KIND is a name of mcsafe_inject_kind_name(). Exit status 77: this kernel cannot inject it.
 */
#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "check.hpp"

static const std::size_t page = 4096;
static const std::size_t pages = 8;
static const std::size_t bad = 3; /* the page that fails */

static mcsafe_inject_kind kind;
static mcsafe::cause cause;

/* Eight pages of private memory, full of 'a', of which one fails while the object is there. */
struct memory {
	memory()
	    : map(static_cast<unsigned char *>(mmap(nullptr, pages * page, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)))
	{
		CHECK(map != MAP_FAILED);
		std::memset(map, 'a', pages * page);
		CHECK_EQ(mcsafe_inject(at(bad), page, kind), 0);
		CHECK_EQ(mcsafe_inject_kind_at(at(bad)), kind);
	}

	memory(const memory &) = delete;
	memory &operator=(const memory &) = delete;

	~memory()
	{
		heal();
		if (map != nullptr)
			munmap(map, pages * page);
	}

	/* The page is good again, and holds what it held. */
	void heal()
	{
		if (map != nullptr && mcsafe_inject_kind_at(at(bad)) != MCSAFE_INJECT_NONE)
			CHECK_EQ(mcsafe_inject_clear(at(bad), page), 0);
	}

	/* What is mapped over injected memory cannot be cleared: leave it as it is. */
	void leave()
	{
		map = nullptr;
	}

	unsigned char *at(std::size_t number) const
	{
		return map + number * page;
	}

	mcsafe::bytes all() const
	{
		return {map, pages * page};
	}

	mcsafe::writable_bytes writable() const
	{
		return {map, pages * page};
	}

	unsigned char *map;
};

static bool raises_sigbus()
{
	return kind == MCSAFE_INJECT_POISON || kind == MCSAFE_INJECT_EOF;
}

/* done bytes up to the bad page, or to a byte of it. */
static void check_failure(const mcsafe::failure &why, std::size_t done, std::size_t n,
			  const void *addr)
{
	CHECK_EQ(why.done, done);
	CHECK_EQ(why.left, n - done);
	CHECK(why.code() == cause);
	CHECK_EQ(why.fault.addr, addr);
	CHECK_EQ(why.fault.signo, raises_sigbus() ? SIGBUS : SIGSEGV);
	CHECK_EQ(why.error, mcsafe_fault_errno(&why.fault));
	CHECK(why.explanation().has_value());
}

static void test_copies_stop_at_the_bad_page()
{
	memory of;
	std::vector<unsigned char> to(pages * page, 'z');
	mcsafe::result<std::size_t> copied = mcsafe::try_copy(to, of.all());

	CHECK(!copied);
	check_failure(copied.error(), bad * page, to.size(), of.at(bad));
	CHECK(to[bad * page - 1] == 'a' && to[bad * page] == 'z');
	copied = mcsafe::try_copy(of.writable(), to);
	CHECK(!copied);
	check_failure(copied.error(), bad * page, to.size(), of.at(bad));
	CHECK_EQ(copied.error().fault.side, MCSAFE_SIDE_DESTINATION);
	CHECK(of.at(bad)[-1] == 'a' && of.at(bad + 1)[0] == 'a');
	copied = mcsafe::try_fill(of.writable(), std::byte('b'));
	CHECK(!copied);
	check_failure(copied.error(), bad * page, to.size(), of.at(bad));
	copied = mcsafe::try_find(of.all().part(page), std::byte('x'));
	CHECK(!copied);
	check_failure(copied.error(), (bad - 1) * page, to.size() - page, of.at(bad));
	mcsafe::result<unsigned char> byte = mcsafe::try_load(of.at(bad) + 5);
	CHECK(!byte);
	check_failure(byte.error(), 0, 1, of.at(bad) + 5);
	mcsafe::salvaged what = mcsafe::copy_holes(to, of.all(), std::byte('-'));
	CHECK_EQ(what.lost, page);
	CHECK_EQ(what.holes.size(), 1u);
	CHECK_EQ(what.holes[0].start, bad * page);
	CHECK(to[bad * page - 1] == 'b' && to[bad * page] == '-' && to[(bad + 1) * page] == 'a');
	of.heal();
	CHECK_EQ(mcsafe::try_copy(to, of.all()).value_or(0), to.size());
	CHECK(to[bad * page] == 'a');
}

static void test_a_pmem_knows_what_is_bad()
{
	const bool is_lost = kind == MCSAFE_INJECT_POISON;
	memory of;
	mcsafe::pmem file;
	std::vector<unsigned char> to(pages * page, 'z');
	mcsafe::salvaged what;

	CHECK_EQ(file.open_memory(of.writable(), -1, 0, MCSAFE_PMEM_WRITE), 0);
	CHECK_EQ(file.bad().count(), 0u);
	mcsafe::result<std::size_t> got = file.try_read(to, 10);
	CHECK(!got);
	check_failure(got.error(), bad * page - 10, to.size(), of.at(bad));
	CHECK(to[bad * page - 11] == 'a' && to[bad * page - 10] == 'z');
	CHECK_EQ(file.bad().count(), cause == mcsafe::cause::poison ? 1u : 0u);
	CHECK_EQ(file.try_salvage(to, page, what, std::byte('-')).value_or(0), to.size() - page);
	CHECK_EQ(what.lost, page);
	CHECK_EQ(what.holes.size(), 1u);
	CHECK_EQ(what.holes[0].start, bad * page);
	CHECK(to[(bad - 1) * page] == '-' && to[bad * page] == 'a');

	/* A scrub gives up after a SIGSEGV. What lies past the end of a file is not lost. */
	CHECK_EQ(file.scrub(), raises_sigbus() ? 0 : -EFAULT);
	CHECK_EQ(file.bad().count(), is_lost ? 1u : 0u);
	std::vector<mcsafe_range> ranges(file.bad().begin(), file.bad().end());
	CHECK_EQ(ranges.size(), file.bad().count());
	for (const mcsafe_range &range : ranges) {
		CHECK_EQ(range.start, bad * page);
		CHECK_EQ(range.len, page);
	}

	of.heal();
	CHECK_EQ(file.try_read(to, 0).has_value(), !is_lost); /* good, but known as bad */
	std::fill(to.begin(), to.end(), static_cast<unsigned char>('r'));
	CHECK_EQ(file.try_repair(mcsafe::bytes(to).part(0, page), bad * page).value_or(0), page);
	CHECK_EQ(file.bad().count(), 0u);
	CHECK_EQ(file.try_read(to, 0).value_or(0), to.size());
	CHECK(to[bad * page - 1] == 'a' && to[bad * page] == 'r');
}

static void test_a_guard_is_left()
{
	memory of;
	const unsigned char *map = of.map;
	auto sum = [map] { return std::accumulate(map, map + pages * page, 0ul); };
	mcsafe::outcome<unsigned long> all = mcsafe::try_call(map, pages * page, sum);

	CHECK(!all);
	CHECK_EQ(all.error().offset, bad * page);
	CHECK_EQ(all.error().fault.cause, static_cast<mcsafe_cause>(cause));
	of.heal();
	CHECK_EQ(mcsafe::try_call(map, pages * page, sum).value_or(0), pages * page * 'a');
}

static void test_a_shield_ends_with_its_block()
{
	memory of;
	unsigned long sum = 0;

	{
		mcsafe::shield moved;

		{
			mcsafe::shield shield;

			CHECK_EQ(shield.open(of.at(bad), page), 0);
			CHECK(shield.begin() == shield.end() && shield.lost() == 0);
			moved = std::move(shield);
			CHECK(!shield); /* NOLINT: it is empty */
		}
		sum = std::accumulate(of.map, of.map + pages * page, 0ul);
		CHECK_EQ(sum, (pages - 1) * page * 'a');
		CHECK_EQ(moved.lost(), page);
		std::vector<mcsafe_range> lost(moved.begin(), moved.end());
		CHECK_EQ(lost.size(), 1u);
		CHECK_EQ(lost[0].start, 0u);
		CHECK_EQ(lost[0].len, page);
		CHECK_EQ(mcsafe::shield().open(of.at(bad), page), -EEXIST);
	}
	mcsafe::shield again;
	CHECK_EQ(again.open(of.at(bad), page), 0);
	sum = std::accumulate(of.map, of.map + pages * page, 0ul);
	CHECK_EQ(sum, (pages - 1) * page * 'a'); /* the stand-in has stayed */
	CHECK_EQ(again.lost(), 0u);
	of.leave();
}

/* Each call of the header is a copy of the library, which the schedule can let fail. */
static void test_a_schedule_reaches_the_calls()
{
	std::array<char, 100> from = {}, to = {};

	CHECK_EQ(mcsafe_inject_schedule("copy:2@40"), 0);
	CHECK_EQ(mcsafe::try_copy(to, from).value_or(0), from.size());
	mcsafe::result<std::size_t> copied = mcsafe::try_copy(to, from);
	CHECK(!copied && copied.error().done == 40 && copied.error().left == 60);
	CHECK_EQ(mcsafe::try_copy(to, from).value_or(0), from.size());
	CHECK_EQ(mcsafe_inject_failures(), 1u);
	CHECK_EQ(mcsafe_inject_schedule(nullptr), 0);
}

#ifdef MCSAFE_CXX_EXCEPTIONS_
static void test_what_fails_is_thrown()
{
	memory of;
	mcsafe::pmem file;
	std::vector<unsigned char> to(pages * page);
	const unsigned char *map = of.map;
	int thrown = 0;

	CHECK_EQ(file.open_memory(of.writable()), 0);
	for (int call = 0; call < 3; call++) {
		try {
			if (call == 0)
				mcsafe::copy(to, of.all());
			else if (call == 1)
				file.read(to, 0);
			else
				(void)mcsafe::load(of.at(bad));
		} catch (const mcsafe::access_error &error) {
			thrown++;
			check_failure(error.what_failed(), call == 2 ? 0 : bad * page,
				      call == 2 ? 1 : to.size(), of.at(bad));
			CHECK(error.code() == cause);
			CHECK(error.explanation().has_value());
		}
	}
	CHECK_EQ(thrown, 3);
	if (MEMORY_SANITIZER)
		return; /* the text of the next one comes from libstdc++: docs/sanitizers.md */
	try {
		mcsafe::call(map, pages * page, [map] { return map[bad * page]; });
	} catch (const mcsafe::fault_error &error) {
		thrown++;
		CHECK_EQ(error.offset(), bad * page);
		CHECK_EQ(error.fault().cause, static_cast<mcsafe_cause>(cause));
	}
	CHECK_EQ(thrown, 4);
}
#endif

/* Whether there is such a kind. */
static bool choose(const std::string &name)
{
	for (mcsafe_inject_kind each : {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
					MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF}) {
		if (name != mcsafe_inject_kind_name(each))
			continue;
		kind = each;
		return true;
	}
	return false;
}

/* The cause that the library in C tells. Only that of simulated poison depends on the kernel. */
static void find_cause()
{
	mcsafe_fault fault = {};
	memory of;
	char byte;

	CHECK_EQ(mcsafe_memcpy(&byte, of.at(bad), 1, &fault), 1u);
	cause = static_cast<mcsafe::cause>(fault.cause);
	switch (kind) {
	case MCSAFE_INJECT_POISON:
		CHECK(cause == mcsafe::cause::poison || cause == mcsafe::cause::io);
		break;
	case MCSAFE_INJECT_GUARD:
		CHECK(cause == mcsafe::cause::unmapped);
		break;
	case MCSAFE_INJECT_PROTECT:
		CHECK(cause == mcsafe::cause::is_protected);
		break;
	default:
		CHECK(cause == mcsafe::cause::io);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 || !choose(argv[1]) || !mcsafe::install())
		return 1;
	if (mcsafe_inject_supported(kind) != 0) {
		const char *strict = std::getenv("MCSAFE_NO_SKIP");

		std::cout << mcsafe_inject_reason() << '\n';
		return strict != nullptr && std::strcmp(strict, "1") == 0 ? 1 : 77;
	}
	find_cause();
	test_copies_stop_at_the_bad_page();
	test_a_pmem_knows_what_is_bad();
	test_a_guard_is_left();
	if (raises_sigbus())
		test_a_shield_ends_with_its_block();
	test_a_schedule_reaches_the_calls();
#ifdef MCSAFE_CXX_EXCEPTIONS_
	test_what_fails_is_thrown();
#endif
	return failures != 0;
}
