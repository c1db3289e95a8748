/* SPDX-License-Identifier: BSD-3-Clause */
/* access_copy.h - the definition of mcsafe_copy_const() of access.h; include access.h */
/* If this header is included directly, include all of access.h first. */
#ifndef MCSAFE_ACCESS_H
# include <mcsafe/access.h>
#endif

#ifndef MCSAFE_ACCESS_COPY_H
# define MCSAFE_ACCESS_COPY_H

# include <mcsafe/copy.h>

/*
 * The copy is made of one piece, or of two that overlap. They are loaded before the first one is
 * stored, so that nothing is stored if a load fails. The source lies in one 64-byte line, so no
 * load crosses a line, and if one byte cannot be read, none can. A store can straddle into a bad
 * page. If one fails, memcpy_mcsafe() copies all bytes again, and counts.
 *
 * Longer copies are calls. A source of 24 bytes at a random place often crosses a line, and the
 * branch that asks for it is then predicted wrongly: with the alignments of a large fleet's
 * programs, inline copies of 24, 32 and 64 bytes took 3.0, 3.8 and 4.1 ns on AMD family 1Ah, and
 * calls 2.1 ns. With MemorySanitizer all copies are calls.
 */
# if MCSAFE_ACCESS_INLINE && !defined(MCSAFE_ACCESS_MSAN_)
#  define MCSAFE_COPY_INLINE_ 1
# else
#  define MCSAFE_COPY_INLINE_ 0
# endif

MCSAFE_BEGIN_DECLS

# if MCSAFE_COPY_INLINE_

/* clang-format off */
# define MCSAFE_PIECE_CLOBBERS_ "r9", "r10", "r11"

/* Both return 0; or 1 if the access failed, with nothing changed. */
# define MCSAFE_DEFINE_PIECE_(name, load, store)                                                  \
MCSAFE_INLINE int mcsafe_load_piece_##name##_(const void *p, mcsafe_alias_##name##_ *value)       \
{                                                                                                 \
	const volatile mcsafe_alias_##name##_ *at =                                               \
		MCSAFE_CAST_(const volatile mcsafe_alias_##name##_ *, p);                         \
	mcsafe_alias_##name##_ got;                                                               \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_QUIET_(load, MCSAFE_ROW_LOAD)                     \
		: [v] "=r"(got)                                                                   \
		: [m] "m"(*at)                                                                    \
		: MCSAFE_PIECE_CLOBBERS_                                                          \
		: fault);                                                                         \
	*value = got;                                                                             \
	return 0;                                                                                 \
fault:                                                                                            \
	__asm__ __volatile__("" : : : "memory"); /* as in mcsafe_load_quiet_u8_() */              \
	return 1;                                                                                 \
}                                                                                                 \
MCSAFE_INLINE int mcsafe_store_piece_##name##_(void *p, mcsafe_alias_##name##_ value)             \
{                                                                                                 \
	volatile mcsafe_alias_##name##_ *at =                                                     \
		MCSAFE_CAST_(volatile mcsafe_alias_##name##_ *, p);                               \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_QUIET_(store, MCSAFE_ROW_STORE)                   \
		: [m] "=m"(*at)                                                                   \
		: [v] "r"(value)                                                                  \
		: MCSAFE_PIECE_CLOBBERS_                                                          \
		: fault);                                                                         \
	return 0;                                                                                 \
fault:                                                                                            \
	__asm__ __volatile__("" : : : "memory");                                                  \
	return 1;                                                                                 \
}

MCSAFE_DEFINE_PIECE_(u8, "mov{b %[m], %b[v]| %b[v], %[m]}",
		     "mov{b %b[v], %[m]| %[m], %b[v]}")
MCSAFE_DEFINE_PIECE_(u16, "mov{w %[m], %w[v]| %w[v], %[m]}",
		     "mov{w %w[v], %[m]| %[m], %w[v]}")
MCSAFE_DEFINE_PIECE_(u32, "mov{l %[m], %k[v]| %k[v], %[m]}",
		     "mov{l %k[v], %[m]| %[m], %k[v]}")
MCSAFE_DEFINE_PIECE_(u64, "mov{q %[m], %q[v]| %q[v], %[m]}",
		     "mov{q %q[v], %[m]| %[m], %q[v]}")

# define MCSAFE_DEFINE_COPY_(name)                                                                \
/* n is the size of a piece. */                                                                   \
MCSAFE_INLINE size_t mcsafe_copy_1_##name##_(char *dst, const char *src, size_t n)                \
{                                                                                                 \
	mcsafe_alias_##name##_ a;                                                                 \
	if (mcsafe_load_piece_##name##_(src, &a))                                                 \
		return n;                                                                         \
	if (mcsafe_store_piece_##name##_(dst, a))                                                 \
		return memcpy_mcsafe(dst, src, n);                                                \
	return 0;                                                                                 \
}                                                                                                 \
/* n is the size of one to two pieces. */                                                         \
MCSAFE_INLINE size_t mcsafe_copy_2_##name##_(char *dst, const char *src, size_t n)                \
{                                                                                                 \
	size_t last = n - sizeof(mcsafe_alias_##name##_);                                         \
	mcsafe_alias_##name##_ a, b;                                                              \
	if (mcsafe_load_piece_##name##_(src, &a) ||                                               \
	    mcsafe_load_piece_##name##_(src + last, &b))                                          \
		return n;                                                                         \
	if (mcsafe_store_piece_##name##_(dst, a) ||                                               \
	    mcsafe_store_piece_##name##_(dst + last, b))                                          \
		return memcpy_mcsafe(dst, src, n);                                                \
	return 0;                                                                                 \
}

MCSAFE_DEFINE_COPY_(u8)
MCSAFE_DEFINE_COPY_(u16)
MCSAFE_DEFINE_COPY_(u32)
MCSAFE_DEFINE_COPY_(u64)
/* clang-format on */

/* The source lies in one line. n is from 1 to 16. */
MCSAFE_INLINE size_t mcsafe_copy_line_(char *dst, const char *src, size_t n)
{
	if (n == 1)
		return mcsafe_copy_1_u8_(dst, src, n);
	if (n == 2)
		return mcsafe_copy_1_u16_(dst, src, n);
	if (n == 3)
		return mcsafe_copy_2_u16_(dst, src, n);
	if (n == 4)
		return mcsafe_copy_1_u32_(dst, src, n);
	if (n < 8)
		return mcsafe_copy_2_u32_(dst, src, n);
	if (n == 8)
		return mcsafe_copy_1_u64_(dst, src, n);
	return mcsafe_copy_2_u64_(dst, src, n);
}

#  undef MCSAFE_DEFINE_COPY_
#  undef MCSAFE_DEFINE_PIECE_
#  undef MCSAFE_PIECE_CLOBBERS_

# endif /* MCSAFE_COPY_INLINE_ */

MCSAFE_INLINE size_t mcsafe_copy_const(void *dst, const void *src, size_t n) MCSAFE_AGAIN_
{
# if MCSAFE_COPY_INLINE_
	if (__builtin_constant_p(n) && n >= 1 && n <= 16 && MCSAFE_ADDRESS_(src) % 64 <= 64 - n)
		return mcsafe_copy_line_(MCSAFE_CAST_(char *, dst), MCSAFE_CAST_(const char *, src),
					 n);
# endif
	return memcpy_mcsafe(dst, src, n);
}

MCSAFE_END_DECLS

# undef MCSAFE_COPY_INLINE_

#endif /* MCSAFE_ACCESS_COPY_H */
