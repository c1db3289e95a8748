/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mcsafe.hpp - the library for C++17 and later: spans in, a result or an exception out
 *
 *	#include <mcsafe/mcsafe.hpp>
 *
 *	std::size_t load_frame(std::vector<unsigned char> &frame, mcsafe::bytes mapped)
 *	{
 *		mcsafe::result<std::size_t> copied = mcsafe::try_copy(frame, mapped);
 *
 *		if (!copied)
 *			std::cerr << copied.error().explain() << '\n';
 *		return copied ? *copied : copied.error().done;
 *	}
 *
 * Only this header is needed: the library in C does the work, and the headers in C say what each
 * call does, what memory holds after a failure, and which calls a signal handler may make. Here is
 * said what differs.
 *
 * Each call has two forms. try_copy() returns a result, throws nothing, and works without
 * exceptions. copy() returns the value, and throws access_error. Where the compiler has no
 * exceptions, only the first form is there.
 *
 * guard.hpp and shield.hpp, which C++11 has too, are part of this header.
 *
 * With C++20 the spans are made from std::span and convert to it, and the loops over ranges are
 * input ranges of <ranges>. With C++23 a result converts to std::expected.
 */
#ifndef MCSAFE_MCSAFE_HPP
#define MCSAFE_MCSAFE_HPP

#if __cplusplus < 201703L
# error "mcsafe/mcsafe.hpp needs C++17; guard.hpp and shield.hpp are for C++11"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus >= 202002L && __has_include(<span>)
# include <span>
#endif
#if __cplusplus > 202002L && __has_include(<expected>)
# include <expected>
#endif

#include <mcsafe/guard.hpp>
#include <mcsafe/mcsafe.h>
#include <mcsafe/shield.hpp>

namespace mcsafe
{

/* ---- errors ---------------------------------------------------------------------------------- */

/** enum mcsafe_cause, as error codes of category(). */
enum class cause {
	none = MCSAFE_CAUSE_NONE,
	poison = MCSAFE_CAUSE_POISON,
	io = MCSAFE_CAUSE_IO,
	unmapped = MCSAFE_CAUSE_UNMAPPED,
	is_protected = MCSAFE_CAUSE_PROTECTED,
	pkey = MCSAFE_CAUSE_PKEY,
	address = MCSAFE_CAUSE_ADDRESS,
	unknown = MCSAFE_CAUSE_UNKNOWN
};

namespace detail
{

class cause_category final : public std::error_category
{
      public:
	const char *name() const noexcept override
	{
		return "mcsafe";
	}

	std::string message(int value) const override
	{
		return mcsafe_cause_name(static_cast<mcsafe_cause>(value));
	}

	std::error_condition default_error_condition(int value) const noexcept override
	{
		mcsafe_fault fault = {};

		fault.cause = static_cast<mcsafe_cause>(value);
		return {value == 0 ? 0 : mcsafe_fault_errno(&fault), std::generic_category()};
	}
};

} // namespace detail

/** The category of error codes that are a cause. Each equals a condition of std::errc: that of
 *  mcsafe_fault_errno(). */
inline const std::error_category &category() noexcept
{
	static const detail::cause_category only;

	return only;
}

inline std::error_code make_error_code(cause why) noexcept
{
	return {static_cast<int>(why), category()};
}

/** mcsafe_explain(), which asks the kernel: not in a signal handler, and not after the memory was
 *  unmapped or a pmem closed. Nothing if no memory has failed, or if the call cannot tell. */
inline std::optional<mcsafe_explanation> explanation(const mcsafe_fault &fault)
{
	std::optional<mcsafe_explanation> why(std::in_place);

	if (fault.cause == MCSAFE_CAUSE_NONE || mcsafe_explain(&fault, &*why) != 0)
		why.reset();
	return why;
}

/** One line for a log: that of mcsafe_explain_text(), or the name of the cause. */
inline std::string explain(const mcsafe_fault &fault, const std::optional<mcsafe_explanation> &why)
{
	std::array<char, 512> line = {};

	if (!why || mcsafe_explain_text(&*why, line.data(), line.size()) < 0)
		return mcsafe_cause_name(fault.cause);
	return line.data();
}

/** The same, after explanation(). */
inline std::string explain(const mcsafe_fault &fault)
{
	return explain(fault, explanation(fault));
}

/** Why a call has failed, and how far it came. */
struct failure {
	/** The record of the fault. cause is MCSAFE_CAUSE_NONE if no memory failed: the call was
	 *  refused, and error says why. */
	mcsafe_fault fault = {};
	/** A positive errno value: mcsafe_fault_errno(), or what the call has returned. */
	int error = 0;
	std::size_t done = 0; /**< bytes that were copied, stored, scanned or compared */
	std::size_t left = 0; /**< bytes that were not */

	/** The cause, in category(); without a fault error, in std::generic_category(). */
	std::error_code code() const noexcept
	{
		if (fault.cause != MCSAFE_CAUSE_NONE)
			return make_error_code(static_cast<cause>(fault.cause));
		return {error, std::generic_category()};
	}

	/** mcsafe::explanation() of the fault. */
	std::optional<mcsafe_explanation> explanation() const
	{
		return mcsafe::explanation(fault);
	}

	/** mcsafe::explain() of the fault; if no memory has failed, the text of code(). */
	std::string explain() const
	{
		return fault.cause != MCSAFE_CAUSE_NONE ? mcsafe::explain(fault) : code().message();
	}
};

#ifdef MCSAFE_CXX_EXCEPTIONS_
/** A failure as an exception. code() is that of the failure, and what() a line for a log, with the
 *  file and the offset if a mapped file has failed. */
class access_error : public std::system_error
{
      public:
	/** Asks the kernel for an explanation at once. Where the exception is caught, the mapping
	 *  may be gone: a pmem is closed when its block is left. */
	explicit access_error(const failure &what) : access_error(what, what.explanation())
	{
	}

	const mcsafe_fault &fault() const noexcept
	{
		return failure_.fault;
	}

	std::size_t done() const noexcept
	{
		return failure_.done;
	}

	std::size_t left() const noexcept
	{
		return failure_.left;
	}

	/** failure::explanation(), as it was when the exception was made. */
	const std::optional<mcsafe_explanation> &explanation() const noexcept
	{
		return explanation_;
	}

	const failure &what_failed() const noexcept
	{
		return failure_;
	}

      private:
	access_error(const failure &what, const std::optional<mcsafe_explanation> &why)
	    : std::system_error(what.code(), why ? mcsafe::explain(what.fault, why) : "mcsafe"),
	      failure_(what), explanation_(why)
	{
	}

	failure failure_;
	std::optional<mcsafe_explanation> explanation_;
};
#endif

/** A value, or why there is none. T is a type that can be copied byte by byte, or void. */
template <class T> class [[nodiscard]] result
{
	static_assert(std::is_trivially_copyable_v<T>, "a result holds plain values");

      public:
	using value_type = T;
	using error_type = failure;

	result(T value) noexcept : value_(value), has_value_(true)
	{
	}

	result(const failure &why) noexcept : failure_(why), has_value_(false)
	{
	}

	bool has_value() const noexcept
	{
		return has_value_;
	}

	explicit operator bool() const noexcept
	{
		return has_value_;
	}

	/** The value. Use it only if has_value(). */
	const T &operator*() const noexcept
	{
		return value_;
	}

	const T *operator->() const noexcept
	{
		return &value_;
	}

	T value_or(T other) const noexcept
	{
		return has_value_ ? value_ : other;
	}

	/** The value. Throws access_error if there is none; without exceptions, calls
	 *  std::abort(). */
	const T &value() const
	{
		if (!has_value_)
			raise();
		return value_;
	}

	/** Use it only if !has_value(). */
	const failure &error() const noexcept
	{
		return failure_;
	}

#ifdef __cpp_lib_expected
	operator std::expected<T, failure>() const
	{
		if (has_value_)
			return value_;
		return std::unexpected(failure_);
	}
#endif

      private:
	[[noreturn]] void raise() const
	{
#ifdef MCSAFE_CXX_EXCEPTIONS_
		throw access_error(failure_);
#else
		std::abort();
#endif
	}

	T value_ = {};
	failure failure_;
	bool has_value_;
};

/** Nothing, or why a call has failed. */
template <> class [[nodiscard]] result<void>
{
      public:
	using value_type = void;
	using error_type = failure;

	result() noexcept = default;

	result(const failure &why) noexcept : failure_(why)
	{
	}

	bool has_value() const noexcept
	{
		return !failure_;
	}

	explicit operator bool() const noexcept
	{
		return has_value();
	}

	void value() const
	{
		if (!failure_)
			return;
#ifdef MCSAFE_CXX_EXCEPTIONS_
		throw access_error(*failure_);
#else
		std::abort();
#endif
	}

	const failure &error() const noexcept
	{
		return *failure_;
	}

#ifdef __cpp_lib_expected
	operator std::expected<void, failure>() const
	{
		if (has_value())
			return {};
		return std::unexpected(*failure_);
	}
#endif

      private:
	std::optional<failure> failure_;
};

/* ---- spans ----------------------------------------------------------------------------------- */

namespace detail
{

template <class Byte, class C>
using element_of = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>;

/* Containers, arrays and spans of what can be copied byte by byte. */
template <class Byte, class C, class = void> struct is_source : std::false_type {
};

template <class Byte, class C>
struct is_source<Byte, C,
		 std::void_t<element_of<Byte, C>, decltype(std::size(std::declval<C &>()))>>
    : std::bool_constant<std::is_trivially_copyable_v<element_of<Byte, C>> &&
			 (std::is_const_v<Byte> || !std::is_const_v<element_of<Byte, C>>)> {
};

/** Bytes that somebody else owns. */
template <class Byte> class basic_bytes
{
	using memory = std::conditional_t<std::is_const_v<Byte>, const void, void>;

      public:
	using element_type = Byte;
	using value_type = std::byte;
	using iterator = Byte *;

	constexpr basic_bytes() noexcept = default;

	basic_bytes(memory *data, std::size_t size) noexcept
	    : data_(static_cast<Byte *>(data)), size_(size)
	{
	}

	/** All of a container, an array or another span, which must live as long as the span. */
	template <class C, class = std::enable_if_t<is_source<Byte, C>::value>>
	basic_bytes(C &&of) noexcept
	    : data_(reinterpret_cast<Byte *>(std::data(of))),
	      size_(std::size(of) * sizeof(element_of<Byte, C>))
	{
	}

	constexpr Byte *data() const noexcept
	{
		return data_;
	}

	/** Bytes. */
	constexpr std::size_t size() const noexcept
	{
		return size_;
	}

	constexpr bool empty() const noexcept
	{
		return size_ == 0;
	}

	constexpr Byte *begin() const noexcept
	{
		return data_;
	}

	constexpr Byte *end() const noexcept
	{
		return data_ + size_;
	}

	/** n bytes from offset on. Where the span ends before, there are fewer. */
	basic_bytes part(std::size_t offset, std::size_t n = SIZE_MAX) const noexcept
	{
		std::size_t from = offset < size_ ? offset : size_;

		return {data_ + from, n < size_ - from ? n : size_ - from};
	}

      private:
	Byte *data_ = nullptr;
	std::size_t size_ = 0;
};

inline failure refused(int error, std::size_t left) noexcept
{
	failure why;

	why.error = error;
	why.left = left;
	return why;
}

inline failure failed(const mcsafe_fault &fault, std::size_t done, std::size_t left) noexcept
{
	failure why;

	why.fault = fault;
	why.error = mcsafe_fault_errno(&fault);
	why.done = done;
	why.left = left;
	return why;
}

} // namespace detail

/** Bytes that are read. The memory can fail: only the functions below may look at it. */
using bytes = detail::basic_bytes<const std::byte>;
/** Bytes that are written. */
using writable_bytes = detail::basic_bytes<std::byte>;

/* ---- copies, fills, scans -------------------------------------------------------------------- */

/**
 * mcsafe_memcpy(): copy all of src to the start of dst.
 *
 * @return src.size(). Otherwise the failure: its done bytes were copied. If dst is smaller than
 *         src, nothing is accessed, and error is ENOBUFS.
 */
inline result<std::size_t> try_copy(writable_bytes dst, bytes src) noexcept
{
	mcsafe_fault fault = {};

	if (dst.size() < src.size())
		return detail::refused(ENOBUFS, src.size());
	std::size_t left = mcsafe_memcpy(dst.data(), src.data(), src.size(), &fault);

	if (left != 0)
		return detail::failed(fault, src.size() - left, left);
	return src.size();
}

/** mcsafe_memcpy_flushcache(), in the same way. */
inline result<std::size_t> try_copy_flushcache(writable_bytes dst, bytes src) noexcept
{
	mcsafe_fault fault = {};

	if (dst.size() < src.size())
		return detail::refused(ENOBUFS, src.size());
	std::size_t left = mcsafe_memcpy_flushcache(dst.data(), src.data(), src.size(), &fault);

	if (left != 0)
		return detail::failed(fault, src.size() - left, left);
	return src.size();
}

/** What mcsafe_memcpy_holes() has lost. */
struct salvaged {
	std::size_t lost = 0;            /**< bytes */
	std::vector<mcsafe_range> holes; /**< ascending; offsets in dst and src */
};

/**
 * mcsafe_memcpy_holes(): copy what can be read of src to dst, and fill the rest.
 *
 * @param most  The number of holes that the list can take. The call allocates the list first, so it
 *              can throw std::bad_alloc. `lost` counts all holes.
 *
 * @return What was lost. If dst is smaller than src, only as much of src is read as dst takes.
 */
inline salvaged copy_holes(writable_bytes dst, bytes src, std::byte fill = std::byte(0),
			   std::size_t most = 1024)
{
	std::size_t n = dst.size() < src.size() ? dst.size() : src.size(), found = most;
	salvaged what;

	what.holes.resize(most);
	what.lost = mcsafe_memcpy_holes(dst.data(), src.data(), n, std::to_integer<int>(fill),
					what.holes.data(), &found);
	what.holes.resize(found < most ? found : most);
	return what;
}

/** mcsafe_memset(): store a byte to all of dst. Returns dst.size(). */
inline result<std::size_t> try_fill(writable_bytes dst, std::byte value) noexcept
{
	mcsafe_fault fault = {};
	std::size_t left =
		mcsafe_memset(dst.data(), std::to_integer<int>(value), dst.size(), &fault);

	if (left != 0)
		return detail::failed(fault, dst.size() - left, left);
	return dst.size();
}

/** mcsafe_memchr(): the offset of the first byte of a value. Returns in.size() if there is none. */
inline result<std::size_t> try_find(bytes in, std::byte value) noexcept
{
	mcsafe_fault fault = {};
	std::size_t at = 0;

	if (mcsafe_memchr(in.data(), std::to_integer<int>(value), in.size(), &at, &fault) !=
	    MCSAFE_CAUSE_NONE)
		return detail::failed(fault, at, in.size() - at);
	return at;
}

/**
 * mcsafe_memcmp(): compare two spans as std::string_view::compare() does.
 *
 * @return -1, 0 or 1. If all bytes of the shorter span are equal to those of the other one, the
 *         shorter span is less.
 */
inline result<int> try_compare(bytes a, bytes b) noexcept
{
	std::size_t n = a.size() < b.size() ? a.size() : b.size();
	mcsafe_comparison found = {};
	mcsafe_fault fault = {};

	if (mcsafe_memcmp(a.data(), b.data(), n, &found, &fault) != MCSAFE_CAUSE_NONE)
		return detail::failed(fault, found.equal, n - found.equal);
	if (found.order != 0 || a.size() == b.size())
		return found.order;
	return a.size() < b.size() ? -1 : 1;
}

/** Copy one value of a type that can be copied byte by byte, from memory that can fail. */
template <class T> result<T> try_load(const T *from) noexcept
{
	static_assert(std::is_trivially_copyable_v<T>, "a value that can be copied byte by byte");
	T value = {};
	result<std::size_t> copied =
		try_copy(writable_bytes(&value, sizeof(value)), bytes(from, sizeof(value)));

	if (!copied)
		return copied.error();
	return value;
}

/** Copy one value to memory that can fail. After a failure a part of it may be stored. */
template <class T> result<void> try_store(T *to, const std::common_type_t<T> &value) noexcept
{
	static_assert(std::is_trivially_copyable_v<T>, "a value that can be copied byte by byte");
	result<std::size_t> copied =
		try_copy(writable_bytes(to, sizeof(value)), bytes(&value, sizeof(value)));

	if (!copied)
		return copied.error();
	return {};
}

#ifdef MCSAFE_CXX_EXCEPTIONS_
/** Like try_copy(), but throws access_error. So do the others without try_. */
inline std::size_t copy(writable_bytes dst, bytes src)
{
	return try_copy(dst, src).value();
}

inline std::size_t copy_flushcache(writable_bytes dst, bytes src)
{
	return try_copy_flushcache(dst, src).value();
}

inline std::size_t fill(writable_bytes dst, std::byte value)
{
	return try_fill(dst, value).value();
}

inline std::size_t find(bytes in, std::byte value)
{
	return try_find(in, value).value();
}

inline int compare(bytes a, bytes b)
{
	return try_compare(a, b).value();
}

template <class T> T load(const T *from)
{
	return try_load(from).value();
}

template <class T> void store(T *to, const std::common_type_t<T> &value)
{
	try_store(to, value).value();
}
#endif

/* ---- the handler ----------------------------------------------------------------------------- */

/** mcsafe_install(). */
inline result<void> install() noexcept
{
	int err = mcsafe_install();

	if (err != 0)
		return detail::refused(-err, 0);
	return {};
}

/**
 * mcsafe_on_notice(): a function is called for each notice, in the signal handler, until the object
 * ends. It must be async-signal-safe, and must throw nothing. One such object can be there at a
 * time: a later one replaces the function, and none is called when one of them has ended.
 */
class notice_handler
{
      public:
	/** error() is -mcsafe_on_notice(), or 0. */
	explicit notice_handler(mcsafe_notice_fn fn, void *arg = nullptr) noexcept
	    : error_(-mcsafe_on_notice(fn, arg))
	{
	}

	notice_handler(const notice_handler &) = delete;
	notice_handler &operator=(const notice_handler &) = delete;

	~notice_handler()
	{
		if (error_ == 0)
			(void)mcsafe_on_notice(nullptr, nullptr);
	}

	int error() const noexcept
	{
		return error_;
	}

      private:
	int error_;
};

/* ---- registries of bad ranges ---------------------------------------------------------------- */

namespace detail
{

inline bool next_bad(const mcsafe_badblocks *of, std::size_t from, mcsafe_range *bad) noexcept
{
	return mcsafe_badblocks_next(of, from, SIZE_MAX, bad);
}

} // namespace detail

/** The ranges of a registry, in ascending order: for (const mcsafe_range &bad : ranges). */
class badblocks_view
{
      public:
	explicit badblocks_view(const mcsafe_badblocks *of) noexcept : of_(of)
	{
	}

	using iterator = detail::range_iterator<mcsafe_badblocks, detail::next_bad>;

	iterator begin() const noexcept
	{
		return iterator(of_);
	}

	iterator end() const noexcept
	{
		return iterator();
	}

	std::size_t count() const noexcept
	{
		return of_ != nullptr ? mcsafe_badblocks_count(of_) : 0;
	}

	/** The sum of the lengths. */
	std::size_t size_bytes() const noexcept
	{
		return of_ != nullptr ? mcsafe_badblocks_bytes(of_) : 0;
	}

      private:
	const mcsafe_badblocks *of_;
};

/** Owns a registry. It can be moved, and is empty then; the members need one that is not. */
class registry
{
      public:
	/** Empty. */
	registry() noexcept = default;

	/** Make a registry, mcsafe_badblocks_create(). Returns 0, or a negated error number: then
	 *  the object is as it was. */
	int create() noexcept
	{
		mcsafe_badblocks *made = nullptr;
		int err = mcsafe_badblocks_create(&made);

		if (err == 0)
			*this = registry(made);
		return err;
	}

	/** Take over a registry of mcsafe_badblocks_create(). */
	explicit registry(mcsafe_badblocks *made) noexcept : made_(made)
	{
	}

	registry(registry &&other) noexcept : made_(other.release())
	{
	}

	registry &operator=(registry &&other) noexcept
	{
		if (this != &other) {
			mcsafe_badblocks_destroy(made_);
			made_ = other.release();
		}
		return *this;
	}

	registry(const registry &) = delete;
	registry &operator=(const registry &) = delete;

	~registry()
	{
		mcsafe_badblocks_destroy(made_);
	}

	explicit operator bool() const noexcept
	{
		return made_ != nullptr;
	}

	/** mcsafe_badblocks_add(). Returns 0, or a negated error number. */
	int add(std::size_t start, std::size_t len) noexcept
	{
		return mcsafe_badblocks_add(made_, start, len);
	}

	/** mcsafe_badblocks_clear(). Returns 0, or a negated error number. */
	int clear(std::size_t start, std::size_t len) noexcept
	{
		return mcsafe_badblocks_clear(made_, start, len);
	}

	/** Whether a byte of the range is in the registry. */
	bool overlaps(std::size_t start, std::size_t len) const noexcept
	{
		return mcsafe_badblocks_next(
			made_, start, len < SIZE_MAX - start ? start + len : SIZE_MAX, nullptr);
	}

	badblocks_view ranges() const noexcept
	{
		return badblocks_view(made_);
	}

	badblocks_view::iterator begin() const noexcept
	{
		return ranges().begin();
	}

	badblocks_view::iterator end() const noexcept
	{
		return badblocks_view::iterator();
	}

	mcsafe_badblocks *get() const noexcept
	{
		return made_;
	}

	/** Give the registry away: the caller destroys it. */
	mcsafe_badblocks *release() noexcept
	{
		return std::exchange(made_, nullptr);
	}

      private:
	mcsafe_badblocks *made_ = nullptr;
};

/* ---- mapped files ---------------------------------------------------------------------------- */

/**
 * Owns an open pmem, pmem.h: a mapped file, device or memory that is read and written by calls. It
 * can be moved, and is empty then. All members but open() and close() need one that is open.
 */
class pmem
{
      public:
	/** Empty. */
	pmem() noexcept = default;

	/** Take over a pmem of mcsafe_pmem_open(). */
	explicit pmem(mcsafe_pmem *opened) noexcept : pmem_(opened)
	{
	}

#ifdef MCSAFE_CXX_EXCEPTIONS_
	/** mcsafe_pmem_open(). Throws std::system_error with the error number. */
	explicit pmem(const char *path, int flags = 0)
	{
		int err = open(path, flags);

		if (err != 0)
			throw std::system_error(-err, std::generic_category(), path);
	}

	explicit pmem(const std::string &path, int flags = 0) : pmem(path.c_str(), flags)
	{
	}
#endif

	pmem(pmem &&other) noexcept : pmem_(other.release())
	{
	}

	pmem &operator=(pmem &&other) noexcept
	{
		if (this != &other) {
			close();
			pmem_ = other.release();
		}
		return *this;
	}

	pmem(const pmem &) = delete;
	pmem &operator=(const pmem &) = delete;

	/** mcsafe_pmem_close(), which waits for the calls that are running. */
	~pmem()
	{
		close();
	}

	/** mcsafe_pmem_open(). Returns 0, or a negated error number: the object is as it was. */
	int open(const char *path, int flags = 0) noexcept
	{
		mcsafe_pmem *opened = nullptr;
		int err = mcsafe_pmem_open(&opened, path, flags);

		return take(err, opened);
	}

	/** mcsafe_pmem_open_fd(), in the same way. */
	int open_fd(int fd, int flags = 0) noexcept
	{
		mcsafe_pmem *opened = nullptr;
		int err = mcsafe_pmem_open_fd(&opened, fd, flags);

		return take(err, opened);
	}

	/** mcsafe_pmem_open_memory(), in the same way. */
	int open_memory(writable_bytes memory, int fd = -1, off_t offset = 0,
			int flags = 0) noexcept
	{
		mcsafe_pmem *opened = nullptr;
		int err = mcsafe_pmem_open_memory(&opened, memory.data(), memory.size(), fd, offset,
						  flags);

		return take(err, opened);
	}

	/** The object is empty then. */
	void close() noexcept
	{
		if (pmem_ != nullptr)
			mcsafe_pmem_close(release());
	}

	explicit operator bool() const noexcept
	{
		return pmem_ != nullptr;
	}

	/** mcsafe_pmem_get_info() */
	mcsafe_pmem_info info() const noexcept
	{
		mcsafe_pmem_info all = {};

		mcsafe_pmem_get_info(pmem_, &all);
		return all;
	}

	/** Bytes that can be read. */
	std::size_t size() const noexcept
	{
		return info().size;
	}

	/** mcsafe_pmem_refresh(). Returns 0, or a negated error number. */
	[[nodiscard]] int refresh() noexcept
	{
		return mcsafe_pmem_refresh(pmem_);
	}

	/**
	 * mcsafe_pmem_pread(): fill `to` from offset on.
	 *
	 * @return to.size(), or less at the end of the file. If something is lost, the failure:
	 *         its done bytes were read.
	 */
	result<std::size_t> try_read(writable_bytes to, off_t offset) noexcept
	{
		mcsafe_fault fault = {};
		ssize_t got = mcsafe_pmem_pread(pmem_, to.data(), to.size(), offset, &fault);

		return whole(got, to.size(), fault);
	}

	/** mcsafe_pmem_pwrite(), in the same way. */
	result<std::size_t> try_write(bytes from, off_t offset) noexcept
	{
		mcsafe_fault fault = {};
		ssize_t got = mcsafe_pmem_pwrite(pmem_, from.data(), from.size(), offset, &fault);

		return whole(got, from.size(), fault);
	}

	/** mcsafe_pmem_persist() */
	result<void> try_persist(off_t offset, std::size_t n) noexcept
	{
		int err = mcsafe_pmem_persist(pmem_, offset, n);

		if (err != 0)
			return detail::refused(-err, n);
		return {};
	}

	/** mcsafe_pmem_repair() with `data`. Returns the bytes that were repaired. */
	result<std::size_t> try_repair(bytes data, off_t offset) noexcept
	{
		ssize_t got = mcsafe_pmem_repair(pmem_, data.data(), data.size(), offset);

		return whole(got, data.size(), mcsafe_fault());
	}

	/** mcsafe_pmem_repair() with zeros. */
	result<std::size_t> try_repair_with_zeros(off_t offset, std::size_t n) noexcept
	{
		return whole(mcsafe_pmem_repair(pmem_, nullptr, n, offset), n, mcsafe_fault());
	}

	/**
	 * mcsafe_pmem_salvage(): read all that can be read, fill the rest, and list the holes.
	 *
	 * @param[out] what  The bytes that were lost, and the first holes, up to `most`. `lost`
	 *                   counts all holes: if there are more, what follows the listed ones is
	 *                   read a second time. The call allocates the lists, so it can throw
	 *                   std::bad_alloc.
	 *
	 * @return The bytes of `to` that were read or filled; or the failure.
	 */
	result<std::size_t> try_salvage(writable_bytes to, off_t offset, salvaged &what,
					std::byte fill = std::byte(0), std::size_t most = 1024)
	{
		std::size_t unlisted = 0, end = 0;

		what.lost = 0;
		what.holes.resize(most);
		ssize_t got = salvage_some(to, offset, fill, what.holes, unlisted);

		if (got < 0)
			return detail::refused(static_cast<int>(-got), to.size());
		count_lost(what.holes, offset, what.lost, end);
		for (std::vector<mcsafe_range> more; unlisted != 0;) {
			more.resize(unlisted);
			got = salvage_some(to.part(end), offset + static_cast<off_t>(end), fill,
					   more, unlisted);
			got = static_cast<ssize_t>(end) + (got > 0 ? got : 0);
			count_lost(more, offset, what.lost, end);
		}
		return static_cast<std::size_t>(got);
	}

	/** The bad ranges that are known. The view ends with the object. */
	badblocks_view bad() const noexcept
	{
		return badblocks_view(mcsafe_pmem_badblocks(pmem_));
	}

	/** mcsafe_pmem_scrub(). Returns 0, or a negated error number. */
	[[nodiscard]] int scrub(const mcsafe_scrub_options *options = nullptr,
				mcsafe_scrub_progress *progress = nullptr)
	{
		return mcsafe_pmem_scrub(pmem_, options, progress);
	}

#ifdef MCSAFE_CXX_EXCEPTIONS_
	/** Like try_read(), but throws access_error. So do the others. */
	std::size_t read(writable_bytes to, off_t offset)
	{
		return try_read(to, offset).value();
	}

	std::size_t write(bytes from, off_t offset)
	{
		return try_write(from, offset).value();
	}

	void persist(off_t offset, std::size_t n)
	{
		try_persist(offset, n).value();
	}

	std::size_t repair(bytes data, off_t offset)
	{
		return try_repair(data, offset).value();
	}

	std::size_t repair_with_zeros(off_t offset, std::size_t n)
	{
		return try_repair_with_zeros(offset, n).value();
	}

	std::size_t salvage(writable_bytes to, off_t offset, salvaged &what,
			    std::byte fill = std::byte(0), std::size_t most = 1024)
	{
		return try_salvage(to, offset, what, fill, most).value();
	}
#endif

	mcsafe_pmem *get() const noexcept
	{
		return pmem_;
	}

	/** Give the pmem away: the caller closes it. */
	mcsafe_pmem *release() noexcept
	{
		return std::exchange(pmem_, nullptr);
	}

      private:
	int take(int err, mcsafe_pmem *opened) noexcept
	{
		if (err == 0)
			*this = pmem(opened);
		return err;
	}

	/* mcsafe_pmem_salvage(). `holes` has the room, and then what was found. `unlisted` is the
	 * number of holes without room. */
	ssize_t salvage_some(writable_bytes to, off_t offset, std::byte fill,
			     std::vector<mcsafe_range> &holes, std::size_t &unlisted) noexcept
	{
		std::size_t found = holes.size();
		ssize_t got = mcsafe_pmem_salvage(pmem_, to.data(), to.size(), offset,
						  std::to_integer<int>(fill), holes.data(), &found);
		std::size_t listed = got < 0 ? 0 : found < holes.size() ? found : holes.size();

		unlisted = got < 0 ? 0 : found - listed;
		holes.resize(listed);
		return got;
	}

	/* `end` becomes where the last hole ends, relative to the offset. */
	static void count_lost(const std::vector<mcsafe_range> &holes, off_t offset,
			       std::size_t &lost, std::size_t &end) noexcept
	{
		for (const mcsafe_range &hole : holes) {
			lost += hole.len;
			end = hole.start + hole.len - static_cast<std::size_t>(offset);
		}
	}

	/* Fewer bytes without a fault: the end of the file. */
	static result<std::size_t> whole(ssize_t got, std::size_t n,
					 const mcsafe_fault &fault) noexcept
	{
		std::size_t done = got < 0 ? 0 : static_cast<std::size_t>(got);
		failure why;

		if (got >= 0 && (done == n || fault.cause == MCSAFE_CAUSE_NONE))
			return done;
		why = detail::failed(fault, done, n - done);
		if (got < 0)
			why.error = static_cast<int>(-got);
		return why;
	}

	mcsafe_pmem *pmem_ = nullptr;
};

} // namespace mcsafe

#ifdef __cpp_lib_span
/* Their iterators do not need them: a function of <ranges> may return one. */
template <class Byte>
inline constexpr bool std::ranges::enable_borrowed_range<mcsafe::detail::basic_bytes<Byte>> = true;
template <> inline constexpr bool std::ranges::enable_borrowed_range<mcsafe::badblocks_view> = true;
template <> inline constexpr bool std::ranges::enable_view<mcsafe::badblocks_view> = true;
#endif

/** mcsafe::cause is an error code: std::error_code code = mcsafe::cause::poison. */
template <> struct std::is_error_code_enum<mcsafe::cause> : std::true_type {
};

#endif /* MCSAFE_MCSAFE_HPP */
