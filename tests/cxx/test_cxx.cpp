/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cxx.cpp - mcsafe.hpp: what results and exceptions say, who owns what, spans, loops */
#include <mcsafe/mcsafe.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <type_traits>
#include <unistd.h>
#include <vector>
#if __cplusplus >= 202002L
# include <algorithm>
# include <ranges>
# include <span>
#endif

#include "check.hpp"
#include "second.hpp"

static const std::size_t page = 4096;

template <class T> constexpr bool moves_only()
{
	return !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
	       std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;
}

static_assert(moves_only<mcsafe::pmem>());
static_assert(moves_only<mcsafe::registry>());
static_assert(!std::is_move_constructible_v<mcsafe::notice_handler>);
static_assert(sizeof(mcsafe::pmem) == sizeof(mcsafe_pmem *));
static_assert(!std::is_convertible_v<mcsafe_pmem *, mcsafe::pmem>);
static_assert(std::is_error_code_enum_v<mcsafe::cause>);

/* Values are returned, moved and thrown without an allocation, so this throws nothing. */
static_assert(std::is_trivially_copyable_v<mcsafe::failure>);
static_assert(std::is_trivially_copyable_v<mcsafe::result<std::size_t>>);
static_assert(std::is_nothrow_copy_constructible_v<mcsafe::result<void>>);
static_assert(std::is_nothrow_move_constructible_v<mcsafe::salvaged>);
#ifdef MCSAFE_CXX_EXCEPTIONS_
static_assert(std::is_nothrow_copy_constructible_v<mcsafe::access_error>);
#endif

/* What allocates nothing says that it throws nothing. */
template <class T> static T &some() noexcept;
static_assert(noexcept(mcsafe::try_copy(some<mcsafe::writable_bytes>(), some<mcsafe::bytes>())));
static_assert(noexcept(mcsafe::try_copy(some<std::vector<int>>(), some<std::array<char, 9>>())));
static_assert(noexcept(mcsafe::try_copy_flushcache(some<std::vector<int>>(),
						   some<mcsafe::bytes>())));
static_assert(noexcept(mcsafe::try_fill(some<std::vector<int>>(), std::byte(0))));
static_assert(noexcept(mcsafe::try_find(some<mcsafe::bytes>(), std::byte(0))));
static_assert(noexcept(mcsafe::try_compare(some<mcsafe::bytes>(), some<mcsafe::bytes>())));
static_assert(noexcept(mcsafe::try_load(&some<const int>())));
static_assert(noexcept(mcsafe::try_store(&some<int>(), 1)));
static_assert(noexcept(mcsafe::install()));
static_assert(noexcept(some<mcsafe::pmem>().try_read(some<std::vector<int>>(), 0)));
static_assert(noexcept(some<mcsafe::pmem>().try_write(some<std::vector<int>>(), 0)));
static_assert(noexcept(some<mcsafe::pmem>().try_repair(some<std::vector<int>>(), 0)));
static_assert(noexcept(*some<mcsafe::registry>().begin()++));
static_assert(!noexcept(mcsafe::copy_holes(some<std::vector<int>>(), some<mcsafe::bytes>())));
static_assert(!noexcept(some<mcsafe::pmem>().try_salvage(some<std::vector<int>>(), 0,
							 some<mcsafe::salvaged>())));
static_assert(!noexcept(some<mcsafe::result<int>>().value()));

/* Spans of what is const are for reading only, and objects that are not plain bytes make none. */
static_assert(std::is_convertible_v<std::vector<int> &, mcsafe::writable_bytes>);
static_assert(std::is_convertible_v<const std::vector<int> &, mcsafe::bytes>);
static_assert(!std::is_convertible_v<const std::vector<int> &, mcsafe::writable_bytes>);
static_assert(!std::is_convertible_v<std::vector<std::string> &, mcsafe::bytes>);
static_assert(!std::is_convertible_v<mcsafe::bytes, mcsafe::writable_bytes>);
static_assert(std::is_convertible_v<mcsafe::writable_bytes, mcsafe::bytes>);
static_assert(!std::is_convertible_v<int, mcsafe::bytes>);

#if __cplusplus >= 202002L
static_assert(std::is_convertible_v<std::span<const char>, mcsafe::bytes>);
static_assert(std::is_constructible_v<std::span<const std::byte>, mcsafe::bytes>);
static_assert(std::input_iterator<mcsafe::badblocks_view::iterator>);
static_assert(std::ranges::input_range<mcsafe::registry>);
static_assert(std::ranges::input_range<mcsafe::badblocks_view>);
static_assert(std::ranges::input_range<mcsafe::shield>);
static_assert(std::ranges::contiguous_range<mcsafe::bytes>);
static_assert(std::ranges::borrowed_range<mcsafe::bytes>);
static_assert(std::ranges::borrowed_range<mcsafe::badblocks_view>);
static_assert(std::ranges::view<mcsafe::badblocks_view>);
static_assert(std::is_constructible_v<std::span<std::byte>, mcsafe::writable_bytes>);
static_assert(!std::is_constructible_v<std::span<std::byte>, mcsafe::bytes>);
static_assert(std::is_convertible_v<std::span<int, 4>, mcsafe::writable_bytes>);
static_assert(!std::is_convertible_v<std::span<const int>, mcsafe::writable_bytes>);
#endif

/* A file in memory of two pages, mapped, of which one page is left. Its bytes are 'a'. */
struct half {
	half() : fd(memfd_create("half", MFD_CLOEXEC))
	{
		std::array<char, page> all;

		all.fill('a');
		CHECK_EQ(write(fd, all.data(), page), static_cast<ssize_t>(page));
		map = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(map != MAP_FAILED);
	}

	half(const half &) = delete;
	half &operator=(const half &) = delete;

	~half()
	{
		munmap(map, 2 * page);
		close(fd);
	}

	mcsafe::bytes all() const
	{
		return {map, 2 * page};
	}

	mcsafe::writable_bytes writable() const
	{
		return {map, 2 * page};
	}

	unsigned char *byte(std::size_t at) const
	{
		return static_cast<unsigned char *>(map) + at;
	}

	int fd;
	void *map;
};

static void check_lost(const mcsafe::failure &why, std::size_t done, std::size_t left)
{
	CHECK_EQ(why.done, done);
	CHECK_EQ(why.left, left);
	CHECK_EQ(why.error, EIO);
	CHECK_EQ(why.fault.cause, MCSAFE_CAUSE_IO);
	CHECK(why.code() == mcsafe::cause::io);
	CHECK(why.code() == std::errc::io_error);
	CHECK_EQ(std::string(why.code().category().name()), "mcsafe");
	CHECK(why.explain().find("past the end of the file, which has 4096 bytes") !=
	      std::string::npos);
}

static void test_a_copy_tells_what_is_lost()
{
	half of;
	std::vector<unsigned char> to(2 * page, 'z');
	mcsafe::result<std::size_t> copied = mcsafe::try_copy(to, of.all().part(0, page));

	CHECK(copied && *copied == page && copied.value() == page && copied.value_or(0) == page);
	copied = mcsafe::try_copy(to, of.all().part(100));
	CHECK(!copied.has_value());
	check_lost(copied.error(), page - 100, page);
	CHECK_EQ(copied.value_or(7), 7u);
	CHECK_EQ(to[page - 101], 'a');
	CHECK_EQ(to[page - 100], 'a');
	CHECK_EQ(to[page], 'z');
	copied = mcsafe::try_copy_flushcache(to, of.all());
	CHECK(!copied);
	check_lost(copied.error(), page, page);
	copied = mcsafe::try_copy(of.writable(), to);
	CHECK(!copied);
	CHECK_EQ(copied.error().fault.side, MCSAFE_SIDE_DESTINATION);
}

static void test_a_destination_that_is_too_small_is_refused()
{
	half of;
	std::array<char, 3> to = {'x', 'x', 'x'};
	mcsafe::result<std::size_t> copied = mcsafe::try_copy(to, of.all());

	CHECK(!copied);
	CHECK_EQ(copied.error().error, ENOBUFS);
	CHECK_EQ(copied.error().done, 0u);
	CHECK_EQ(copied.error().left, 2 * page);
	CHECK(copied.error().code() == std::errc::no_buffer_space);
	CHECK(!copied.error().explanation());
	CHECK(MEMORY_SANITIZER || !copied.error().explain().empty());
	CHECK(to[0] == 'x');
	CHECK(mcsafe::try_copy(to, mcsafe::bytes()).value_or(1) == 0);
}

static void test_fills_scans_and_comparisons()
{
	half of;
	std::array<unsigned char, 2 * page> own;
	mcsafe::result<std::size_t> found = mcsafe::try_find(of.all(), std::byte('b'));

	CHECK(!found);
	check_lost(found.error(), page, page);
	CHECK_EQ(mcsafe::try_find(of.all(), std::byte('a')).value_or(9), 0u);
	CHECK_EQ(mcsafe::try_find(of.all().part(0, 50), std::byte('b')).value_or(9), 50u);
	found = mcsafe::try_fill(of.writable(), std::byte('c'));
	CHECK(!found);
	check_lost(found.error(), page, page);
	CHECK_EQ(*of.byte(page - 1), 'c');
	own.fill('c');
	CHECK_EQ(mcsafe::try_compare(own, of.all().part(0, page)).value_or(9), 1);
	CHECK_EQ(mcsafe::try_compare(of.all().part(0, page), own).value_or(9), -1);
	CHECK_EQ(mcsafe::try_compare(of.all().part(0, 9), of.all().part(1, 9)).value_or(9), 0);
	own[5] = 'b';
	CHECK_EQ(mcsafe::try_compare(own, of.all()).value_or(9), -1);
	own[5] = 'c';
	mcsafe::result<int> order = mcsafe::try_compare(own, of.all());
	CHECK(!order);
	check_lost(order.error(), page, page);
}

/* The parts for C++11 have no explanation of their own. */
static void test_the_fault_of_a_guard_is_explained()
{
	half of;
	const unsigned char *map = of.byte(0);
	auto byte = mcsafe::try_call(map, 2 * page, [map] { return map[page]; });

	CHECK(!byte && byte.error().offset == page);
	std::optional<mcsafe_explanation> why = mcsafe::explanation(byte.error().fault);
	CHECK(why && why->reason == MCSAFE_REASON_PAST_END && why->offset == page);
	CHECK(mcsafe::explain(byte.error().fault).find("past the end of the file") !=
	      std::string::npos);
	CHECK(!mcsafe::explanation(mcsafe_fault()));
	CHECK_EQ(mcsafe::explain(mcsafe_fault()), "none");
}

struct record {
	int number;
	char name[12];
};

static void test_values_are_loaded_and_stored()
{
	half of;
	auto *good = reinterpret_cast<record *>(of.byte(page - sizeof(record)));
	auto *across = reinterpret_cast<record *>(of.byte(page - 8));

	CHECK(mcsafe::try_store(good, {42, "answer"}).has_value());
	mcsafe::result<record> got = mcsafe::try_load(good);
	CHECK(got && got->number == 42 && std::strcmp(got->name, "answer") == 0);
	got = mcsafe::try_load(across);
	CHECK(!got);
	check_lost(got.error(), 8, 8);
	mcsafe::result<void> stored = mcsafe::try_store(across, {7, "lost"});
	CHECK(!stored);
	check_lost(stored.error(), 8, 8);
}

static void test_holes_are_listed()
{
	half of;
	std::vector<char> to(2 * page, 'z');
	mcsafe::salvaged what = mcsafe::copy_holes(to, of.all(), std::byte('-'));

	CHECK_EQ(what.lost, page);
	CHECK_EQ(what.holes.size(), 1u);
	CHECK_EQ(what.holes[0].start, page);
	CHECK_EQ(what.holes[0].len, page);
	CHECK(to[page - 1] == 'a' && to[page] == '-' && to[2 * page - 1] == '-');
	what = mcsafe::copy_holes(to, of.all(), std::byte(0), 0);
	CHECK(what.lost == page && what.holes.empty());
	what = mcsafe::copy_holes(mcsafe::writable_bytes(to).part(0, 10), of.all());
	CHECK(what.lost == 0 && what.holes.empty());
}

static void test_a_registry_is_a_range()
{
	mcsafe::registry one, other;
	std::vector<std::size_t> found;

	CHECK(!one && one.begin() == one.end() && one.ranges().count() == 0);
	CHECK_EQ(one.create(), 0);
	CHECK(one.begin() == one.end());
	CHECK_EQ(one.add(page, page), 0);
	CHECK_EQ(one.add(4 * page, 10), 0);
	CHECK_EQ(one.add(0, 0), -EINVAL);
	for (const mcsafe_range &bad : one)
		found.insert(found.end(), {bad.start, bad.len});
	CHECK(found == std::vector<std::size_t>({page, page, 4 * page, 10}));
	CHECK(one.overlaps(4 * page + 9, 1) && one.overlaps(0, SIZE_MAX));
	CHECK(!one.overlaps(4 * page + 10, SIZE_MAX) && !one.overlaps(0, page));
	CHECK_EQ(one.ranges().size_bytes(), page + 10);
	other = std::move(one);
	CHECK(!one && other.ranges().count() == 2); /* NOLINT: it is empty */
	mcsafe::registry &same = other;
	other = std::move(same);
	CHECK(other.ranges().count() == 2);
	CHECK_EQ(other.clear(page, page), 0);
	CHECK_EQ(other.begin()->start, 4 * page);
	mcsafe_badblocks *raw = other.release();
	CHECK(!other);
	other = mcsafe::registry(raw);
	CHECK_EQ(other.create(), 0);
	CHECK_EQ(other.ranges().count(), 0u);
}

static void test_a_pmem_is_read_and_written()
{
	half of;
	mcsafe::pmem file;
	std::array<char, 100> buffer;
	mcsafe::salvaged what;

	CHECK_EQ(file.open("/nowhere/at/all"), -ENOENT);
	CHECK(!file);
	CHECK_EQ(ftruncate(of.fd, 2 * page), 0);
	CHECK_EQ(file.open_fd(of.fd, MCSAFE_PMEM_WRITE), 0);
	CHECK(file && file.size() == 2 * page && file.info().writable == 1);
	CHECK_EQ(file.try_write(std::string("hello"), 10).value_or(0), 5u);
	CHECK(file.try_persist(10, 5).has_value());
	CHECK_EQ(file.try_read(buffer, 10).value_or(0), buffer.size());
	CHECK(std::memcmp(buffer.data(), "helloa", 6) == 0);
	CHECK_EQ(file.try_read(buffer, 2 * page - 60).value_or(0), 60u); /* the end of the file */
	CHECK_EQ(ftruncate(of.fd, page), 0);
	mcsafe::result<std::size_t> got = file.try_read(buffer, page - 60);
	CHECK(!got);
	CHECK_EQ(got.error().done, 60u);
	CHECK_EQ(got.error().left, 40u);
	CHECK(got.error().code() == mcsafe::cause::io);
	got = file.try_read(buffer, page);
	CHECK(!got && got.error().done == 0 && got.error().error == EIO);
	CHECK_EQ(file.try_salvage(buffer, page - 60, what, std::byte('-')).value_or(0), 100u);
	CHECK_EQ(what.lost, 40u);
	CHECK_EQ(what.holes.size(), 1u);
	CHECK(buffer[59] == 'a' && buffer[60] == '-');
	CHECK(file.bad().begin() == file.bad().end()); /* a truncated file is not damaged */
	CHECK_EQ(file.refresh(), 0);
	CHECK_EQ(file.size(), page);
	CHECK(!file.try_persist(-1, 1));
	mcsafe::pmem other(std::move(file));
	CHECK(!file && other); /* NOLINT: it is empty */
	other.close();
	other.close();
	CHECK(!other);
	CHECK_EQ(other.open_memory(mcsafe::writable_bytes(of.map, page)), 0);
	CHECK_EQ(other.try_read(buffer, 0).value_or(0), buffer.size());
	CHECK_EQ(other.open("/nowhere/at/all"), -ENOENT);
	CHECK(static_cast<bool>(other)); /* as it was */
}

/* What is moved is in the other object, as it was, and the first object can be filled again. */
static void test_what_is_moved_has_one_owner()
{
	half of;
	mcsafe::pmem file, other;
	mcsafe::pmem &same = file;

	CHECK_EQ(file.open_fd(of.fd), 0);
	mcsafe_pmem *raw = file.get();
	file = std::move(same);
	CHECK(file.get() == raw);
	CHECK_EQ(other.open_memory(of.writable()), 0);
	other = std::move(file);                                    /* closes what it had */
	CHECK(!file && other.get() == raw && other.size() == page); /* NOLINT: it is empty */
	CHECK_EQ(file.open_fd(of.fd), 0);
	CHECK(file.get() != raw);
	std::swap(file, other);
	CHECK(file.get() == raw && other.size() == page);
	raw = file.release();
	CHECK(!file);
	mcsafe::pmem(raw).close();

	std::vector<mcsafe::registry> some(3);
	CHECK_EQ(some[1].create(), 0);
	CHECK_EQ(some[1].add(page, 1), 0);
	some.erase(some.begin());
	some.resize(100);
	CHECK(some[0].ranges().size_bytes() == 1 && !some[1]);
}

/* Every third line of the file is known to be bad, and its last page is past the end. */
static void test_a_salvage_counts_the_holes_that_it_cannot_list()
{
	half of;
	mcsafe::pmem file;
	std::vector<unsigned char> to(2 * page);
	mcsafe::salvaged what;
	const std::size_t line = 64, lines = page / line / 3;
	/* The read begins after the first five of them. */
	const std::size_t from = 1000, first = 5, all = lines - first + 1;

	CHECK_EQ(ftruncate(of.fd, 2 * page), 0);
	CHECK_EQ(file.open_fd(of.fd), 0);
	CHECK_EQ(ftruncate(of.fd, page), 0);
	for (std::size_t i = 0; i < lines; i++)
		CHECK_EQ(mcsafe_badblocks_add(mcsafe_pmem_badblocks(file.get()), 3 * i * line + 128,
					      line),
			 0);
	for (std::size_t most : {0ul, 1ul, 2ul, all - 1, all, all + 1, 1024ul}) {
		mcsafe::result<std::size_t> got =
			file.try_salvage(to, from, what, std::byte('-'), most);

		CHECK_EQ(got.value_or(0), 2 * page - from);
		CHECK_EQ(what.lost, (lines - first) * line + page);
		CHECK_EQ(what.holes.size(), most < all ? most : all);
		for (std::size_t i = 0; i < what.holes.size() && i < all - 1; i++)
			CHECK_EQ(what.holes[i].start, 3 * (first + i) * line + 128);
		for (std::size_t i = 0; i < 2 * page - from; i++) {
			std::size_t at = i + from;
			bool bad = at >= page || (at / line % 3 == 2 && at / line / 3 < lines);

			CHECK_EQ(to[i], bad ? '-' : 'a');
		}
	}
}

static void test_one_category_for_all()
{
	const struct {
		mcsafe::cause cause;
		std::errc condition;
	} all[] = {
		{mcsafe::cause::poison, static_cast<std::errc>(EHWPOISON)},
		{mcsafe::cause::io, std::errc::io_error},
		{mcsafe::cause::unmapped, std::errc::bad_address},
		{mcsafe::cause::is_protected, std::errc::bad_address},
		{mcsafe::cause::pkey, std::errc::bad_address},
		{mcsafe::cause::address, std::errc::bad_address},
		{mcsafe::cause::unknown, std::errc::bad_address},
	};
	int value = MCSAFE_CAUSE_NONE;

	CHECK(&category_of_second() == &mcsafe::category());
	CHECK_EQ(std::string(mcsafe::category().name()), "mcsafe");
	CHECK(std::error_code(mcsafe::cause::none) == std::error_condition());
	CHECK(!std::error_code(mcsafe::cause::none));
	for (const auto &each : all) {
		std::error_code code = each.cause;

		/* Every cause is in the list, in the order of the enumeration. */
		CHECK_EQ(code.value(), ++value);
		CHECK(&code.category() == &mcsafe::category());
		CHECK_EQ(code.message(), mcsafe_cause_name(static_cast<mcsafe_cause>(value)));
		CHECK(code == each.condition);
		CHECK(code != std::errc::no_buffer_space && code != std::error_code());
	}
	CHECK_EQ(value, MCSAFE_CAUSE_UNKNOWN);
	CHECK_EQ(mcsafe::category().message(99), "unknown");
	CHECK_EQ(mcsafe::category().message(-1), "unknown");
}

static void test_notices_can_be_heard()
{
	mcsafe::notice_handler handler([](const mcsafe_notice *, void *) {});

	CHECK_EQ(handler.error(), 0);
}

#ifdef MCSAFE_CXX_EXCEPTIONS_
template <class F> static mcsafe::failure thrown_by(F &&function)
{
	try {
		function();
	} catch (const mcsafe::access_error &error) {
		CHECK(error.code() == error.what_failed().code());
		CHECK_EQ(error.done(), error.what_failed().done);
		CHECK_EQ(error.left(), error.what_failed().left);
		CHECK_EQ(error.fault().cause, error.what_failed().fault.cause);
		CHECK(MEMORY_SANITIZER ||
		      std::strstr(error.what(), error.code().message().c_str()) != nullptr);
		return error.what_failed();
	}
	failures++;
	std::cerr << "nothing was thrown\n";
	return {};
}

static void test_what_fails_is_thrown()
{
	half of;
	std::vector<char> to(2 * page);
	mcsafe::pmem file;
	const auto *across = reinterpret_cast<const std::uint64_t *>(of.byte(page));

	check_lost(thrown_by([&] { mcsafe::copy(to, of.all()); }), page, page);
	check_lost(thrown_by([&] { mcsafe::copy_flushcache(to, of.all()); }), page, page);
	check_lost(thrown_by([&] { mcsafe::fill(of.writable(), std::byte(1)); }), page, page);
	check_lost(thrown_by([&] { mcsafe::find(of.all(), std::byte(2)); }), page, page);
	check_lost(thrown_by([&] { (void)mcsafe::load(across); }), 0, 8);
	check_lost(thrown_by([&] { mcsafe::store(reinterpret_cast<char *>(of.byte(page)), 'x'); }),
		   0, 1);
	CHECK_EQ(mcsafe::copy(to, of.all().part(0, 9)), 9u);
	CHECK_EQ(mcsafe::compare(to, of.all().part(0, 9)), 1);
	CHECK_EQ(ftruncate(of.fd, 2 * page), 0);
	CHECK_EQ(file.open_fd(of.fd, MCSAFE_PMEM_WRITE), 0);
	CHECK_EQ(ftruncate(of.fd, page), 0);
	check_lost(thrown_by([&] { file.read(to, 0); }), page, page);
	check_lost(thrown_by([&] { file.write(to, 0); }), page, page);
	CHECK_EQ(file.read(mcsafe::writable_bytes(to).part(0, 5), 0), 5u);
	mcsafe::salvaged what;
	CHECK_EQ(file.salvage(to, 0, what, std::byte('-')), 2 * page);
	CHECK(what.lost == page && to[page] == '-');
	if (MEMORY_SANITIZER)
		return; /* the texts below come from libstdc++: docs/sanitizers.md */
	CHECK_EQ(thrown_by([&] { file.salvage(to, -1, what); }).error, EINVAL);
	CHECK_EQ(thrown_by([&] { file.repair_with_zeros(-1, 1); }).error, EINVAL);
	try {
		mcsafe::pmem none("/nowhere/at/all");
		CHECK(!none);
	} catch (const std::system_error &error) {
		CHECK(error.code() == std::errc::no_such_file_or_directory);
	}
}

/* The stack is unwound before the exception is caught: the mapping that has failed is gone. */
static void test_an_exception_outlives_the_mapping()
{
	half of;
	bool was_caught = false;

	CHECK_EQ(ftruncate(of.fd, 2 * page), 0);
	try {
		std::array<char, 100> to;
		mcsafe::pmem file;

		CHECK_EQ(file.open_fd(of.fd), 0);
		CHECK_EQ(ftruncate(of.fd, page), 0);
		file.read(to, page - 1);
	} catch (const mcsafe::access_error &error) {
		const std::optional<mcsafe_explanation> &why = error.explanation();

		was_caught = true;
		CHECK(why && why->reason == MCSAFE_REASON_PAST_END);
		CHECK(why && why->offset == page && why->file_size == page);
		CHECK(MEMORY_SANITIZER ||
		      std::strstr(error.what(), "past the end of the file, which has 4096 bytes"));
	}
	CHECK(was_caught);
}
#endif

#if __cplusplus >= 202002L
static void test_spans_and_ranges_of_the_library()
{
	half of;
	std::array<int, 8> numbers;
	std::span<std::byte> to = mcsafe::writable_bytes(std::span(numbers));
	std::span<const std::byte> from = of.all().part(page - 8);
	mcsafe::registry registry;

	CHECK_EQ(to.size(), sizeof(numbers));
	CHECK_EQ(from.size(), page + 8);
	mcsafe::result<std::size_t> copied = mcsafe::try_copy(to, from.first(16));
	CHECK(!copied && copied.error().done == 8);
	CHECK(to[7] == std::byte('a'));
	CHECK_EQ(registry.create(), 0);
	CHECK_EQ(registry.add(page, 8) + registry.add(3 * page, 9) + registry.add(5 * page, 10), 0);
	auto found = std::ranges::find(registry.ranges(), 9u, &mcsafe_range::len);
	CHECK_EQ(found->start, 3 * page);
/* clang before 16 cannot compile the views of libstdc++. */
# if !defined(__clang__) || __clang_major__ >= 16
	auto longer = registry.ranges() |
		      std::views::filter([](const mcsafe_range &bad) { return bad.len > 8; }) |
		      std::views::transform(&mcsafe_range::start);
	CHECK(std::ranges::equal(longer, std::array{3 * page, 5 * page}));
# endif
}
#endif

#if __cplusplus > 202002L && __GNUC__ >= 12 && !defined(__clang__) && !defined(__cpp_lib_expected)
# error "std::expected is missing"
#endif

#ifdef __cpp_lib_expected
static void test_a_result_becomes_expected()
{
	half of;
	std::vector<char> to(2 * page);
	std::expected<std::size_t, mcsafe::failure> copied = mcsafe::try_copy(to, of.all());
	std::expected<void, mcsafe::failure> stored = mcsafe::try_store(to.data(), 'x');

	CHECK(!copied && copied.error().done == page);
	CHECK(stored.has_value());
}
#endif

int main()
{
	if (!mcsafe::install())
		return 1;
	test_a_copy_tells_what_is_lost();
	test_a_destination_that_is_too_small_is_refused();
	test_fills_scans_and_comparisons();
	test_the_fault_of_a_guard_is_explained();
	test_values_are_loaded_and_stored();
	test_holes_are_listed();
	test_a_registry_is_a_range();
	test_a_pmem_is_read_and_written();
	test_what_is_moved_has_one_owner();
	test_a_salvage_counts_the_holes_that_it_cannot_list();
	test_one_category_for_all();
	test_notices_can_be_heard();
#ifdef MCSAFE_CXX_EXCEPTIONS_
	test_what_fails_is_thrown();
	test_an_exception_outlives_the_mapping();
#endif
#if __cplusplus >= 202002L
	test_spans_and_ranges_of_the_library();
#endif
#ifdef __cpp_lib_expected
	test_a_result_becomes_expected();
#endif
	return failures != 0;
}
