/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cxx.cpp - shields in C++: who owns them, when they are closed, the loop over the losses */
#include <mcsafe/handler.h>
#include <mcsafe/shield.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <type_traits>
#include <unistd.h>
#include <vector>

#include "check.hpp"

static const std::size_t page = 4096;
static const std::size_t pages = 16;

static_assert(!std::is_copy_constructible<mcsafe::shield>::value, "move only");
static_assert(!std::is_copy_assignable<mcsafe::shield>::value, "move only");
static_assert(std::is_nothrow_move_constructible<mcsafe::shield>::value, "move only");
static_assert(std::is_nothrow_move_assignable<mcsafe::shield>::value, "move only");
static_assert(sizeof(mcsafe::shield) == sizeof(mcsafe_shield *), "nothing but the pointer");
static_assert(!std::is_convertible<mcsafe_shield *, mcsafe::shield>::value, "explicit");

/* A file of 16 pages, and its shared mapping. */
struct memory {
	memory() : fd(memfd_create("cxx", MFD_CLOEXEC))
	{
		cut(pages);
		map = static_cast<unsigned char *>(
			mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
		CHECK(map != MAP_FAILED);
	}

	memory(const memory &) = delete;
	memory &operator=(const memory &) = delete;

	~memory()
	{
		munmap(map, pages * page);
		close(fd);
	}

	void cut(std::size_t to) const
	{
		CHECK_EQ(ftruncate(fd, static_cast<off_t>(to * page)), 0);
	}

	mcsafe_shield_options options() const
	{
		mcsafe_shield_options all = mcsafe_shield_options();

		all.flags = MCSAFE_SHIELD_FILE;
		all.file_fd = fd;
		return all;
	}

	int fd;
	unsigned char *map;
};

/* An access that the sanitizers do not see: the file may change. */
static unsigned load(const unsigned char *at)
{
	unsigned char byte;

	__asm__ volatile("movb %1, %0" : "=q"(byte) : "m"(*at));
	return byte;
}

/* Whether the memory is in no shield: another shield can be opened on it. */
static bool is_free(const memory &of)
{
	mcsafe_shield *other = nullptr;
	int err = mcsafe_shield_open(&other, of.map, page, nullptr);

	CHECK(err == 0 || err == -EEXIST);
	CHECK_EQ(mcsafe_shield_close(other), 0);
	return err == 0;
}

static void test_the_end_of_the_scope_closes()
{
	memory of;

	{
		mcsafe::shield shield(of.map, pages * page);

		CHECK(shield);
		CHECK(!is_free(of));
	}
	CHECK(is_free(of));
}

static void test_an_exception_closes()
{
	memory of;

	try {
		mcsafe::shield shield(of.map, pages * page);

		throw 7;
	} catch (int) {
		CHECK(is_free(of));
	}
}

static void test_a_failure_is_an_exception_or_a_number()
{
	memory of;
	mcsafe::shield empty;
	int code = 0;

	CHECK_EQ(empty.open(of.map + 1, page), -EINVAL);
	CHECK(!empty);
	if (MEMORY_SANITIZER) {
		std::fprintf(stderr, "left out with MemorySanitizer: std::system_error, whose text "
				     "comes from libstdc++, which is not built with it\n");
		return;
	}
	try {
		mcsafe::shield shield(of.map + 1, page);
	} catch (const std::system_error &error) {
		code = error.code().value();
		CHECK(error.code().category() == std::generic_category());
	}
	CHECK_EQ(code, EINVAL);
}

static void test_moving_neither_opens_nor_closes()
{
	memory of, second;
	mcsafe::shield a(of.map, pages * page), b(std::move(a)), c;
	mcsafe_shield *was = b.get();

	CHECK(!a);
	CHECK(b);
	c = std::move(b);
	CHECK(!b);
	CHECK_EQ(c.get(), was);
	CHECK(!is_free(of));
	mcsafe::shield &same = c;
	c = std::move(same);
	CHECK_EQ(c.get(), was);
	/* The shield of the left side is closed. */
	mcsafe::shield d(second.map, pages * page);
	d = std::move(c);
	CHECK(is_free(second));
	CHECK(!is_free(of));
	swap(d, c);
	CHECK_EQ(c.get(), was);
	CHECK(!d);
	std::vector<mcsafe::shield> many;
	many.push_back(std::move(c));
	many.emplace_back();
	CHECK_EQ(many[0].get(), was);
	many.clear();
	CHECK(is_free(of));
}

static void test_a_shield_can_be_taken_over_and_given_away()
{
	memory of;
	mcsafe_shield *opened = nullptr, *released;

	CHECK_EQ(mcsafe_shield_open(&opened, of.map, pages * page, nullptr), 0);
	{
		mcsafe::shield shield(opened);

		CHECK_EQ(shield.get(), opened);
		released = shield.release();
		CHECK(!shield);
	}
	CHECK_EQ(released, opened);
	CHECK(!is_free(of));
	mcsafe::shield shield(released);
	CHECK_EQ(shield.close(), 0);
	CHECK(!shield);
	CHECK_EQ(shield.close(), 0);
	CHECK(is_free(of));
}

static void test_open_closes_the_shield_that_is_there()
{
	memory of, second;
	mcsafe::shield shield(of.map, pages * page);

	CHECK_EQ(shield.open(second.map, pages * page), 0);
	CHECK(is_free(of));
	CHECK(!is_free(second));
	/* The same range: it is free when the new shield is opened. */
	CHECK_EQ(shield.open(second.map, pages * page), 0);
	CHECK_EQ(shield.open(second.map + 1, page), -EINVAL);
	CHECK(!shield);
	CHECK(is_free(second));
}

static void test_losses_are_counted_and_listed()
{
	memory of;
	mcsafe::shield shield(of.map, pages * page, of.options());
	mcsafe_range range = mcsafe_range();
	std::size_t n = 0;

	CHECK(shield.begin() == shield.end());
	CHECK_EQ(shield.lost(), 0u);
	CHECK(!shield.next(0, range));
	of.cut(5);
	CHECK_EQ(load(of.map + 9 * page), 0u);
	CHECK_EQ(shield.lost(), (pages - 5) * page);
	CHECK(shield.next(7 * page, range));
	CHECK_EQ(range.start, 7 * page);
	/* Two ranges, with one good page in between. */
	of.cut(0);
	CHECK_EQ(load(of.map), 0u);
	of.cut(2);
	CHECK_EQ(shield.restore(page, page), 0);
	for (const mcsafe_range &lost : shield) {
		CHECK_EQ(lost.start, n * 2 * page);
		CHECK_EQ(lost.len, (n == 0 ? 1 : pages - 2) * page);
		n++;
	}
	CHECK_EQ(n, 2u);
	mcsafe::shield::iterator at = shield.begin(), first = at++;
	CHECK_EQ(first->start, 0u);
	CHECK_EQ((*at).start, 2 * page);
	CHECK(first != at);
	CHECK(++at == shield.end());
	of.cut(pages);
	CHECK_EQ(shield.restore(), 0);
	CHECK(shield.begin() == shield.end());
	CHECK(mcsafe::shield().begin() == mcsafe::shield().end());
}

static void test_touch_puts_all_in_place()
{
	memory of;
	mcsafe::shield shield(of.map, pages * page, of.options());
	char buffer[64];
	int fds[2];

	of.cut(5);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(write(fds[1], of.map + 9 * page, sizeof(buffer)), -1);
	CHECK_EQ(errno, EFAULT);
	int err = shield.touch();
	CHECK(err == 0 || err == -EOPNOTSUPP);
	if (err == 0)
		CHECK_EQ(write(fds[1], of.map + 9 * page, sizeof(buffer)), 64);
	close(fds[0]);
	close(fds[1]);
}

static void test_a_lambda_is_told()
{
	static std::size_t told;
	memory of;
	mcsafe_shield_options options = of.options();

	options.on_loss = [](const mcsafe_range *lost, void *arg) {
		*static_cast<std::size_t *>(arg) += lost->len;
	};
	options.arg = &told;
	mcsafe::shield shield(of.map, pages * page, options);
	of.cut(5);
	CHECK_EQ(load(of.map + 9 * page), 0u);
	CHECK_EQ(told, (pages - 5) * page);
}

int main()
{
	if (mcsafe_install() != 0)
		return 1;
	test_the_end_of_the_scope_closes();
	test_an_exception_closes();
	test_a_failure_is_an_exception_or_a_number();
	test_moving_neither_opens_nor_closes();
	test_a_shield_can_be_taken_over_and_given_away();
	test_open_closes_the_shield_that_is_there();
	test_losses_are_counted_and_listed();
	test_touch_puts_all_in_place();
	test_a_lambda_is_told();
	return failures != 0;
}
