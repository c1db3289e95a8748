/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.hpp - guards for C++11 and later: a fault as an exception, or as a value
 *
 *	#include <mcsafe/guard.hpp>
 *
 *	unsigned long sum(const unsigned char *mapped, std::size_t n)
 *	{
 *		return mcsafe::call(mapped, n, [&] {
 *			unsigned long all = 0;
 *
 *			for (std::size_t i = 0; i < n; i++)
 *				all += mapped[i];
 *			return all;
 *		});
 *	}
 *
 * After a fault, mcsafe::call() throws mcsafe::fault_error. mcsafe::try_call() returns an
 * mcsafe::outcome<T> instead, and works without exceptions. In both cases the signal is over, and
 * the guarded function has been left.
 *
 * The rules of guard.h apply: frames between the guard and the fault are not unwound. A fault does
 * not destroy local variables of the guarded function. Therefore declare variables with destructors
 * outside the function and refer to them, as the lambda above does. mcsafe_guard_check() finds most
 * functions that break this rule, in a build without optimization; see guard.h. An exception that
 * the guarded function throws is different: it propagates as usual, and the guard is disarmed.
 *
 * Variables of the caller that the function changes by reference need not be volatile, because the
 * compiler must assume that another function uses them in memory. A store before a fault can still
 * be missing, unless MCSAFE_GUARD_BARRIER() came between the store and the fault.
 */
#ifndef MCSAFE_GUARD_HPP
#define MCSAFE_GUARD_HPP

#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <mcsafe/guard.h>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
# include <system_error>
# define MCSAFE_CXX_EXCEPTIONS_ 1
#else
# include <cstdlib>
#endif

namespace mcsafe
{

/** What a guard caught, and where. */
struct caught {
	mcsafe_fault fault;
	std::size_t window; /**< index of the window, from 0 */
	std::size_t offset; /**< offset of the first lost byte in that window */
};

#ifdef MCSAFE_CXX_EXCEPTIONS_
/** A fault as an exception. code() is mcsafe_fault_errno() in std::generic_category(). */
class fault_error : public std::system_error
{
      public:
	explicit fault_error(const caught &what)
	    : std::system_error(mcsafe_fault_errno(&what.fault), std::generic_category(),
				mcsafe_cause_name(what.fault.cause)),
	      caught_(what)
	{
	}

	const mcsafe_fault &fault() const noexcept
	{
		return caught_.fault;
	}

	std::size_t window() const noexcept
	{
		return caught_.window;
	}

	std::size_t offset() const noexcept
	{
		return caught_.offset;
	}

      private:
	caught caught_;
};
#endif

namespace detail
{

[[noreturn]] inline void raise(const caught &what)
{
#ifdef MCSAFE_CXX_EXCEPTIONS_
	throw fault_error(what);
#else
	(void)what;
	std::abort();
#endif
}

/* The only frame that returns twice. */
__attribute__((noinline)) inline bool run_under(mcsafe_guard &guard, void (*run)(void *), void *arg)
{
	MCSAFE_TRY_WINDOWS(&guard, guard.windows, guard.n_windows) {
		run(arg);
	}
	MCSAFE_CATCH(&guard) {
		return false;
	}
	return true;
}

/* Not inlined, so that mcsafe_guard_check() can examine the frame of the guarded function. */
template <class F, class T> struct task {
	F *function;
	void *room;

	__attribute__((noinline)) static void run(void *arg)
	{
		task *self = static_cast<task *>(arg);

		::new (self->room) T(std::forward<F>(*self->function)());
	}
};

template <class F> struct task<F, void> {
	F *function;
	void *room;

	__attribute__((noinline)) static void run(void *arg)
	{
		std::forward<F> (*static_cast<task *>(arg)->function)();
	}
};

} // namespace detail

/** The result of a guarded function, or what the fault was. */
template <class T> class outcome
{
	static_assert(!std::is_reference<T>::value,
		      "a guarded function returns a value or nothing");

      public:
	template <class F> outcome(mcsafe_guard &guard, F &function)
	{
		detail::task<F, T> task = {std::addressof(function), &room_};

		has_value_ = detail::run_under(guard, task.run, &task);
		if (!has_value_)
			caught_ = {guard.fault, guard.window, guard.offset};
	}

	outcome(outcome &&other) noexcept(std::is_nothrow_move_constructible<T>::value)
	    : caught_(other.caught_), has_value_(other.has_value_)
	{
		if (has_value_)
			::new (static_cast<void *>(&room_)) T(std::move(*other));
	}

	outcome(const outcome &) = delete;
	outcome &operator=(const outcome &) = delete;
	outcome &operator=(outcome &&) = delete;

	~outcome()
	{
		if (has_value_)
			(**this).~T();
	}

	bool has_value() const noexcept
	{
		return has_value_;
	}

	explicit operator bool() const noexcept
	{
		return has_value_;
	}

	/** The value. Throws the fault if there is none; without exceptions, calls std::abort(). */
	T &value()
	{
		if (!has_value_)
			detail::raise(caught_);
		return **this;
	}

	template <class U> T value_or(U &&other)
	{
		return has_value_ ? std::move(**this) : static_cast<T>(std::forward<U>(other));
	}

	/** The value. Use it only if has_value(). */
	T &operator*() noexcept
	{
		return *reinterpret_cast<T *>(&room_);
	}

	T *operator->() noexcept
	{
		return std::addressof(**this);
	}

	/** What the fault was. Use it only if !has_value(). */
	const caught &error() const noexcept
	{
		return caught_;
	}

      private:
	alignas(T) unsigned char room_[sizeof(T)];
	caught caught_ = {};
	bool has_value_;
};

template <> class outcome<void>
{
      public:
	template <class F> outcome(mcsafe_guard &guard, F &function)
	{
		detail::task<F, void> task = {std::addressof(function), nullptr};

		has_value_ = detail::run_under(guard, task.run, &task);
		if (!has_value_)
			caught_ = {guard.fault, guard.window, guard.offset};
	}

	bool has_value() const noexcept
	{
		return has_value_;
	}

	explicit operator bool() const noexcept
	{
		return has_value_;
	}

	void value() const
	{
		if (!has_value_)
			detail::raise(caught_);
	}

	const caught &error() const noexcept
	{
		return caught_;
	}

      private:
	caught caught_ = {};
	bool has_value_;
};

template <class F>
using outcome_of = outcome<typename std::decay<decltype(std::declval<F>()())>::type>;

/** Call function(), which may fault on any of several windows. */
template <class F>
outcome_of<F> try_call_windows(const mcsafe_window *windows, std::size_t n_windows, F &&function)
{
	mcsafe_guard guard;

	return outcome_of<F>(*mcsafe_guard_list_(&guard, windows, n_windows), function);
}

/** Call function(), which may fault on one window, or MCSAFE_ANYWHERE. */
template <class F> outcome_of<F> try_call(const void *base, std::size_t len, F &&function)
{
	mcsafe_guard guard;

	return outcome_of<F>(*mcsafe_guard_one_(&guard, base, len), function);
}

#ifdef MCSAFE_CXX_EXCEPTIONS_
namespace detail
{

template <class T> T unwrap(outcome<T> &&result)
{
	return std::move(result.value());
}

inline void unwrap(outcome<void> &&result)
{
	result.value();
}

} // namespace detail

/** Like try_call_windows() and try_call(), but throw a fault as a fault_error. */
template <class F>
auto call_windows(const mcsafe_window *windows, std::size_t n_windows, F &&function)
	-> decltype(detail::unwrap(try_call_windows(windows, n_windows, std::forward<F>(function))))
{
	return detail::unwrap(try_call_windows(windows, n_windows, std::forward<F>(function)));
}

template <class F>
auto call(const void *base, std::size_t len, F &&function)
	-> decltype(detail::unwrap(try_call(base, len, std::forward<F>(function))))
{
	return detail::unwrap(try_call(base, len, std::forward<F>(function)));
}
#endif

} // namespace mcsafe

#endif /* MCSAFE_GUARD_HPP */
