/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield.hpp - shields for C++11 and later: an object that closes its shield
 *
 *	#include <mcsafe/handler.h>
 *	#include <mcsafe/shield.hpp>
 *
 *	bool sum(void *mapped, std::size_t n, unsigned long &result)
 *	{
 *		mcsafe::shield shield(mapped, n);
 *
 *		result = 0;
 *		for (std::size_t i = 0; i < n; i++)
 *			result += static_cast<const unsigned char *>(mapped)[i];
 *		for (const mcsafe_range &lost : shield)
 *			std::cerr << lost.len << " bytes at " << lost.start << " are lost\n";
 *		return shield.lost() == 0;
 *	}
 *
 * shield.h says what a shield does, and what each call returns. mcsafe_install() must have been
 * called. A function for mcsafe_shield_options::on_loss can be a lambda that captures nothing. It
 * runs in the signal handler, and must throw no exception there.
 *
 * The object can be moved, which neither opens nor closes the shield, and not be copied.
 */
#ifndef MCSAFE_SHIELD_HPP
#define MCSAFE_SHIELD_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include <mcsafe/shield.h>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
# include <system_error>
# define MCSAFE_CXX_EXCEPTIONS_ 1
#endif

namespace mcsafe
{

namespace detail
{

/* The ranges of an object, in ascending order. Next() finds the first one after an offset. */
template <class Of, bool (*Next)(const Of *, std::size_t, mcsafe_range *)> class range_iterator
{
      public:
	using iterator_category = std::input_iterator_tag;
	using value_type = mcsafe_range;
	using difference_type = std::ptrdiff_t;
	using pointer = const mcsafe_range *;
	using reference = const mcsafe_range &;

	/** The end. */
	range_iterator() noexcept : of_(nullptr), range_()
	{
	}

	/** The first range; the end if there is none, or no object. */
	explicit range_iterator(const Of *of) noexcept : of_(of), range_()
	{
		find();
	}

	reference operator*() const noexcept
	{
		return range_;
	}

	pointer operator->() const noexcept
	{
		return &range_;
	}

	range_iterator &operator++() noexcept
	{
		find();
		return *this;
	}

	range_iterator operator++(int) noexcept
	{
		range_iterator before = *this;

		find();
		return before;
	}

	friend bool operator==(const range_iterator &a, const range_iterator &b) noexcept
	{
		return a.of_ == b.of_ && a.range_.start == b.range_.start;
	}

	friend bool operator!=(const range_iterator &a, const range_iterator &b) noexcept
	{
		return !(a == b);
	}

      private:
	void find() noexcept
	{
		std::size_t from = range_.start + range_.len;

		if (of_ == nullptr || !Next(of_, from, &range_))
			*this = range_iterator();
	}

	const Of *of_; /* nullptr: the end */
	mcsafe_range range_;
};

} // namespace detail

/** Owns a shield, or is empty. */
class shield
{
      public:
	/** Empty. */
	shield() noexcept : shield_(nullptr)
	{
	}

	/** Take over a shield of mcsafe_shield_open(); nullptr: empty. */
	explicit shield(mcsafe_shield *opened) noexcept : shield_(opened)
	{
	}

#ifdef MCSAFE_CXX_EXCEPTIONS_
	/**
	 * Open a shield. Throws std::system_error with the error number of mcsafe_shield_open().
	 *
	 * @param base     As for mcsafe_shield_open().
	 * @param len      The same.
	 * @param options  The same; its size may be left at 0.
	 */
	shield(void *base, std::size_t len,
	       const mcsafe_shield_options &options = mcsafe_shield_options())
	    : shield_(nullptr)
	{
		int err = open(base, len, options);

		if (err != 0)
			throw std::system_error(-err, std::generic_category(),
						"mcsafe_shield_open");
	}
#endif

	shield(shield &&other) noexcept : shield_(other.release())
	{
	}

	/** Closes the own shield first. */
	shield &operator=(shield &&other) noexcept
	{
		if (this != &other)
			reset(other.release());
		return *this;
	}

	shield(const shield &) = delete;
	shield &operator=(const shield &) = delete;

	/** Closes the shield. The stand-ins stay, as with mcsafe_shield_close(). */
	~shield()
	{
		reset();
	}

	/**
	 * Open a shield, without exceptions. If the object has one already, that one is closed
	 * first, also if the new one cannot be opened.
	 *
	 * @return 0, or the negated error number of mcsafe_shield_open() or mcsafe_shield_close().
	 */
	int open(void *base, std::size_t len,
		 mcsafe_shield_options options = mcsafe_shield_options()) noexcept
	{
		int err = close();

		if (options.size == 0)
			options.size = sizeof(options);
		return err != 0 ? err : mcsafe_shield_open(&shield_, base, len, &options);
	}

	/**
	 * Close the shield; the object is empty then.
	 *
	 * @return 0, or the negated error number of mcsafe_shield_close(): the object then still
	 *         has the shield. Where the destructor or an assignment closes, the shield stays
	 *         open in this case, and nobody owns it.
	 */
	int close() noexcept
	{
		int err = mcsafe_shield_close(shield_);

		if (err == 0)
			shield_ = nullptr;
		return err;
	}

	/** Whether there is a shield. The members below need one. */
	explicit operator bool() const noexcept
	{
		return shield_ != nullptr;
	}

	/** mcsafe_shield_lost() */
	std::size_t lost() const noexcept
	{
		return mcsafe_shield_lost(shield_);
	}

	/** mcsafe_shield_next() */
	bool next(std::size_t start, mcsafe_range &range) const noexcept
	{
		return mcsafe_shield_next(shield_, start, &range);
	}

	/** mcsafe_shield_touch(); by default of all. Returns 0, or a negated error number. */
	int touch(std::size_t start = 0, std::size_t len = SIZE_MAX) noexcept
	{
		return mcsafe_shield_touch(shield_, start, len);
	}

	/** mcsafe_shield_restore(); by default of all. Returns 0, or a negated error number. */
	int restore(std::size_t start = 0, std::size_t len = SIZE_MAX) noexcept
	{
		return mcsafe_shield_restore(shield_, start, len);
	}

	/** The shield, for the functions of shield.h. nullptr if the object is empty. */
	mcsafe_shield *get() const noexcept
	{
		return shield_;
	}

	/** Give the shield away: the object is empty then, and the caller closes the shield. */
	mcsafe_shield *release() noexcept
	{
		mcsafe_shield *released = shield_;

		shield_ = nullptr;
		return released;
	}

	void swap(shield &other) noexcept
	{
		std::swap(shield_, other.shield_);
	}

	/** The ranges that are stand-ins, in ascending order. A loop sees a range that comes or
	 *  goes meanwhile, or does not see it. */
	using iterator = detail::range_iterator<mcsafe_shield, mcsafe_shield_next>;

	/** The first range; end() if there is none, or if the object is empty. */
	iterator begin() const noexcept
	{
		return iterator(shield_);
	}

	iterator end() const noexcept
	{
		return iterator();
	}

      private:
	void reset(mcsafe_shield *next = nullptr) noexcept
	{
		(void)mcsafe_shield_close(shield_);
		shield_ = next;
	}

	mcsafe_shield *shield_;
};

inline void swap(shield &a, shield &b) noexcept
{
	a.swap(b);
}

} // namespace mcsafe

#endif /* MCSAFE_SHIELD_HPP */
