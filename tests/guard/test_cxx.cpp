/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_cxx.cpp - guards in C++: exceptions and values, and what mcsafe_guard_check() says of frames
 *
 */
#include <mcsafe/guard.hpp>
#include <mcsafe/mcsafe.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "check.hpp"
#include "guard_frames.h"
#include "sanitizer.h"

static const std::size_t page = 4096;
static unsigned char *good, *bad;

static unsigned read_at(const unsigned char *p)
{
	return *static_cast<const volatile unsigned char *>(p);
}

static void test_values()
{
	auto right = mcsafe::try_call(bad, page, [] { return read_at(good); });
	auto wrong = mcsafe::try_call(bad, page, [] { return read_at(bad + 7); });
	auto nothing = mcsafe::try_call(bad, page, [] { read_at(good); });
	auto fault = mcsafe::try_call(bad, page, [] { read_at(bad); });
	const mcsafe_window windows[] = {{good, page}, {bad, page}};
	auto second = mcsafe::try_call_windows(windows, 2, [] { return read_at(bad + 9); });

	CHECK(right);
	CHECK(right.has_value());
	CHECK_EQ(*right, 0u + 'x');
	CHECK_EQ(right.value(), 0u + 'x');
	CHECK(!wrong);
	CHECK_EQ(wrong.error().offset, 7u);
	CHECK_EQ(wrong.value_or(4711u), 4711u);
	CHECK_EQ(wrong.error().fault.cause, MCSAFE_CAUSE_PROTECTED);
	CHECK_EQ(wrong.error().fault.addr, static_cast<const void *>(bad + 7));
	CHECK(nothing);
	CHECK(!fault);
	CHECK(!second);
	CHECK_EQ(second.error().window, 1u);
	CHECK_EQ(second.error().offset, 9u);
}

static void test_exceptions()
{
	int caught = 0;

	CHECK_EQ(mcsafe::call(bad, page, [] { return std::string(1, char(read_at(good))); }), "x");
	mcsafe::call(MCSAFE_ANYWHERE, [] { read_at(good); });
	if (MEMORY_SANITIZER) {
		std::fprintf(stderr,
			     "left out with MemorySanitizer: mcsafe::fault_error, whose text "
			     "comes from libstdc++, which is not built with it\n");
		return;
	}
	for (int round = 0; round < 100; round++)
		try {
			mcsafe::call(bad, page, [] { return read_at(bad + 5); });
			CHECK(!"no fault");
		} catch (const mcsafe::fault_error &error) {
			caught++;
			CHECK_EQ(error.offset(), 5u);
			CHECK_EQ(error.window(), 0u);
			CHECK_EQ(error.fault().addr, static_cast<const void *>(bad + 5));
			CHECK_EQ(error.code(), std::make_error_code(std::errc::bad_address));
			CHECK(std::strstr(error.what(), "protected") != nullptr);
		}
	CHECK_EQ(caught, 100);
}

struct only_moved {
	std::unique_ptr<int> number;
};

/* A returned object is moved once and destroyed once. After a fault there is none. */
static void test_results_with_destructors()
{
	auto number = std::make_shared<int>(1);
	only_moved moved = mcsafe::call(
		bad, page, [] { return only_moved{std::unique_ptr<int>(new int(4711))}; });

	CHECK_EQ(*moved.number, 4711);
	{
		auto copy = mcsafe::try_call(bad, page, [&] { return number; });

		CHECK(copy);
		CHECK_EQ(number.use_count(), 2);
	}
	CHECK_EQ(number.use_count(), 1);
	{
		auto none = mcsafe::try_call(bad, page,
					     [&] { return read_at(bad) ? number : nullptr; });

		CHECK(!none);
	}
	CHECK_EQ(number.use_count(), 1);
}

struct mine {
	int number;
};

/* An exception of the function passes through, and destructors run. The guard is disarmed. */
static void test_exceptions_of_the_function()
{
	auto number = std::make_shared<int>(1);
	int outer = 0;

	for (int round = 0; round < 100; round++)
		try {
			mcsafe::call(bad, page, [&] {
				auto copy = number;

				throw mine{4711};
			});
			CHECK(!"not thrown");
		} catch (const mine &error) {
			CHECK_EQ(error.number, 4711);
		}
	CHECK_EQ(number.use_count(), 1);
	try {
		mcsafe_guard guard;

		MCSAFE_TRY(&guard, bad, page) {
			throw 1;
		}
		MCSAFE_CATCH(&guard) {
			CHECK(!"no fault");
		}
	} catch (int) {
	}
	/* A guard that is still armed would catch this. */
	mcsafe_guard last;

	MCSAFE_TRY(&last, bad, page) {
		read_at(bad);
	}
	MCSAFE_CATCH(&last) {
		outer++;
#if MEMORY_SANITIZER
		__msan_unpoison(&last.outer, sizeof(last.outer)); /* by guard.S */
#endif
		CHECK_EQ(last.outer, static_cast<decltype(last.outer)>(nullptr));
	}
	CHECK_EQ(outer, 1);
}

static void test_variables_by_reference()
{
	for (std::size_t n = 1; n < 50; n++) {
		std::size_t done = 0;
		unsigned long sum = 0;
		auto result = mcsafe::try_call(bad, page, [&] {
			for (const unsigned char *p = bad - n;; p++) {
				MCSAFE_GUARD_BARRIER();
				sum += *p;
				done++;
			}
		});

		CHECK(!result);
		CHECK_EQ(done, n);
		CHECK_EQ(sum, n * 'x');
	}
}

/* Through a pointer that the compiler does not know, so that the call might throw. */
static void touch_it(void *p)
{
	read_at(static_cast<unsigned char *>(p));
}

static void (*volatile touch)(void *) = touch_it;

/* ---- mcsafe_guard_check() ---------------------------------------------------------------- */

static std::string report_of(void (*fn)())
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	char text[8192];
	ssize_t n;

	CHECK_EQ(mcsafe_guard_check(fd), 0);
	fn();
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	n = pread(fd, text, sizeof(text), 0);
	close(fd);
	return std::string(text, n > 0 ? std::size_t(n) : 0);
}

static bool says(const std::string &report, const char *what)
{
	return report.find(what) != std::string::npos;
}

static volatile int destroyed;

/* Owns nothing that a leak checker would miss. */
struct with_destructor {
	~with_destructor()
	{
		destroyed++;
	}
};

extern "C" {

__attribute__((noinline)) void frame_with_destructor(void *p)
{
	with_destructor object;

	touch(p);
	__asm__ volatile("" : : "r"(&object) : "memory");
}

__attribute__((noinline)) void plain_frame(void *p)
{
	touch(p);
	__asm__ volatile("");
}
}

static void call_with(void (*fn)(void *), void *arg)
{
	mcsafe_fault fault;

	CHECK_EQ(mcsafe_call(bad, page, fn, arg, &fault), -EFAULT);
}

static void test_frames()
{
	std::string report;

#if T_THREAD_SANITIZER
	/* Its functions have frames of their own. A fault in a signal handler kills. */
	std::fprintf(stderr, "left out with ThreadSanitizer: mcsafe_guard_check()\n");
	return;
#endif
	if (mcsafe_guard_check(STDERR_FILENO) == -ENOSYS) {
		bool failure = std::getenv("MCSAFE_NO_SKIP") != nullptr &&
			       std::strcmp(std::getenv("MCSAFE_NO_SKIP"), "1") == 0;

		std::fprintf(stderr, "%s: mcsafe_guard_check(): built without libunwind\n",
			     failure ? "FAILED" : "left out");
		failures += failure;
		return;
	}
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	CHECK_EQ(mcsafe_guard_check(4711), -EBADF);

	report = report_of([] { call_with(plain_frame, bad); });
	CHECK_EQ(report, "");
	report = report_of([] { mcsafe::try_call(bad, page, [] { read_at(bad); }); });
	CHECK_EQ(report, "");

	report = report_of([] { call_with(frame_with_destructor, bad); });
	CHECK(says(report, "mcsafe: the jump from 0x"));
	CHECK(says(report, "(protected)"));
	CHECK(says(report, "frame_with_destructor"));
	CHECK(says(report, "destructors, cleanups"));
	CHECK(!says(report, "touch_it"));
	CHECK(!says(report, "main"));

	/* The lambda's own destructors: its frame is task::run(). */
	report = report_of([] {
		mcsafe::try_call(bad, page, [] {
			with_destructor object;

			touch(bad);
			__asm__ volatile("" : : "r"(&object) : "memory");
		});
	});
	CHECK(says(report, "destructors, cleanups"));

	report = report_of([] { call_with(frame_with_cleanup, bad); });
	CHECK(says(report, "frame_with_cleanup"));
	CHECK(says(report, "destructors, cleanups"));
	report = report_of([] { call_with(frame_of_a_handler, bad); });
	CHECK(says(report, "a signal handler"));
	report = report_of([] { call_with(foreign_frame, bad); });
	CHECK(says(report, "no unwind information"));

	/* The check is off again. */
	call_with(frame_with_destructor, bad);
	if (failures)
		std::fprintf(stderr, "the last report:\n%s", report.c_str());
}

int main()
{
	void *memory =
		mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	good = static_cast<unsigned char *>(memory);
	bad = good + page;
	std::memset(good, 'x', page);
	if (mprotect(bad, page, PROT_NONE) != 0 || mcsafe_install() != 0)
		return 1;
	test_values();
	test_exceptions();
	test_results_with_destructors();
	test_exceptions_of_the_function();
	test_variables_by_reference();
	test_frames();
	return failures != 0;
}
