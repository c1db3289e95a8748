/* SPDX-License-Identifier: BSD-3-Clause */
/* access_inline.h - the definitions of the functions that access.h declares; include access.h */
/* If this header is included directly, include all of access.h first. */
#ifndef MCSAFE_ACCESS_H
# include <mcsafe/access.h>
#endif

#ifndef MCSAFE_ACCESS_INLINE_H
# define MCSAFE_ACCESS_INLINE_H

# include <mcsafe/copy.h>

/*
 * In a program that is built with MemorySanitizer (MSan), the macros with MSAN in their names tell
 * MSan what the instructions did: a word keeps the information which of its bits are initialized.
 * An uninitialized operand is allowed here, as in a copy that the compiler generates. Therefore
 * MSan is told before the access that the operand is initialized, and after the access which of its
 * bits are. Without MSan the macros are empty.
 */
# if defined(__has_feature)
#  if __has_feature(memory_sanitizer)
#   define MCSAFE_ACCESS_MSAN_ 1
#   include <sanitizer/msan_interface.h>
#  endif
# endif

MCSAFE_BEGIN_DECLS

/* C++ needs other casts, and the exception specification again in the definition. */
# ifdef __cplusplus
#  define MCSAFE_CAST_(type, value) static_cast<type>(value)
#  define MCSAFE_ADDRESS_(p)        reinterpret_cast<uintptr_t>(p)
#  define MCSAFE_POINTER_(address)  reinterpret_cast<const void *>(address)
#  define MCSAFE_AGAIN_             noexcept
# else
#  define MCSAFE_CAST_(type, value) ((type)(value))
#  define MCSAFE_ADDRESS_(p)        ((uintptr_t)(p))
#  define MCSAFE_POINTER_(address)  ((const void *)(address))
#  define MCSAFE_AGAIN_
# endif

# ifdef MCSAFE_CHECK_ALIGNMENT
#  define MCSAFE_NEED_ALIGNED_(p, size) \
   (MCSAFE_ADDRESS_(p) % (size) != 0 ? __builtin_trap() : MCSAFE_CAST_(void, 0))
# else
#  define MCSAFE_NEED_ALIGNED_(p, size) MCSAFE_CAST_(void, 0)
# endif

/*
 * MCSAFE_MSAN_COPIED_: size bytes were copied from `from` to `to`.
 * MCSAFE_MSAN_WRITTEN_: size bytes at p are initialized.
 * MCSAFE_MSAN_KEPT_: declare a variable that keeps the information about `from` as of now.
 */
# ifdef MCSAFE_ACCESS_MSAN_
#  define MCSAFE_MSAN_COPIED_(to, from, size) __msan_copy_shadow(to, from, size)
#  define MCSAFE_MSAN_WRITTEN_(p, size)       __msan_unpoison(p, size)
#  define MCSAFE_MSAN_KEPT_(type, name, from) \
   type name;                                 \
   __msan_copy_shadow(&name, from, sizeof(name))
# else
#  define MCSAFE_MSAN_COPIED_(to, from, size) MCSAFE_CAST_(void, 0)
#  define MCSAFE_MSAN_WRITTEN_(p, size)       MCSAFE_CAST_(void, 0)
#  define MCSAFE_MSAN_KEPT_(type, name, from) MCSAFE_CAST_(void, 0)
# endif

/* The library wrote this record. It may have been built without MSan, so tell MSan here. */
MCSAFE_INLINE enum mcsafe_cause mcsafe_noted_(enum mcsafe_cause cause, struct mcsafe_fault *fault)
{
	if (cause != MCSAFE_CAUSE_NONE && fault != NULL)
		MCSAFE_MSAN_WRITTEN_(fault, sizeof(*fault));
	return cause;
}

/*
 * Order the accesses of this thread in the compiler. The processor needs no fence, because on
 * x86-64 loads acquire, stores release, and exchanges are sequentially consistent.
 */
MCSAFE_INLINE void mcsafe_order_(int order)
{
	if (order != __ATOMIC_RELAXED)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Tell the compiler that there was a fault, so that callers do not test the cause again. */
MCSAFE_INLINE enum mcsafe_cause mcsafe_is_fault_(enum mcsafe_cause cause)
{
	if (cause == MCSAFE_CAUSE_NONE)
		__builtin_unreachable();
	return cause;
}

# if MCSAFE_ACCESS_INLINE

MCSAFE_INLINE int mcsafe_access_ready(void) MCSAFE_AGAIN_
{
	return mcsafe_access_state_ < 0 ? mcsafe_access_state_ : 0;
}

MCSAFE_INLINE enum mcsafe_cause mcsafe_failed_(const uint64_t landed[3], const volatile void *p,
					       struct mcsafe_fault *fault)
{
	MCSAFE_MSAN_WRITTEN_(landed, 3 * sizeof(*landed));
	return mcsafe_is_fault_(
		mcsafe_noted_(mcsafe_row_fault(fault, landed[0], landed[1], landed[2], p), fault));
}

/* clang-format off */
# define MCSAFE_LANDING_CLOBBERS_ "r9", "r10", "r11"

/* An instruction that changes %[m], in both dialects (access_rows.h). */
# define MCSAFE_TO_MEMORY_(insn, b, s) insn "{" s " %" b "[v], %[m]| %[m], %" b "[v]}"

/* raw: the type of the register that is loaded. MOVZX leaves no stale upper half. */
# define MCSAFE_DEFINE_ACCESS_(bits, raw, load, b, s)                                             \
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_noted_u##bits##_(                                     \
	const volatile void *p, uint##bits##_t *value, struct mcsafe_fault *fault)                \
{                                                                                                 \
	const volatile mcsafe_alias_u##bits##_ *at =                                              \
		MCSAFE_CAST_(const volatile mcsafe_alias_u##bits##_ *, p);                        \
	uint64_t landed[3];                                                                       \
	raw got;                                                                                  \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_NOTED_(load, MCSAFE_ROW_LOAD)                     \
		: [v] "=r"(got), MCSAFE_ACCESS_NOTES_(landed)                                     \
		: [m] "m"(*at)                                                                    \
		: MCSAFE_LANDING_CLOBBERS_                                                        \
		: fault);                                                                         \
	*value = MCSAFE_CAST_(uint##bits##_t, got);                                               \
	MCSAFE_MSAN_COPIED_(value, p, sizeof(*value));                                            \
	return MCSAFE_CAUSE_NONE;                                                                 \
fault:                                                                                            \
	return mcsafe_failed_(landed, p, fault);                                                  \
}                                                                                                 \
MCSAFE_INLINE int mcsafe_load_quiet_u##bits##_(const volatile void *p, uint##bits##_t *value)     \
{                                                                                                 \
	const volatile mcsafe_alias_u##bits##_ *at =                                              \
		MCSAFE_CAST_(const volatile mcsafe_alias_u##bits##_ *, p);                        \
	raw got;                                                                                  \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*value));                                                  \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_QUIET_(load, MCSAFE_ROW_LOAD)                     \
		: [v] "=r"(got)                                                                   \
		: [m] "m"(*at)                                                                    \
		: MCSAFE_LANDING_CLOBBERS_                                                        \
		: fault);                                                                         \
	*value = MCSAFE_CAST_(uint##bits##_t, got);                                               \
	MCSAFE_MSAN_COPIED_(value, p, sizeof(*value));                                            \
	return 0;                                                                                 \
fault:                                                                                            \
	/* Without an instruction on this edge, gcc 12 returns the loaded value here, not 1. */   \
	__asm__ __volatile__("" : : : "memory");                                                  \
	return 1;                                                                                 \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_noted_u##bits##_(                                    \
	volatile void *p, uint##bits##_t value, struct mcsafe_fault *fault)                       \
{                                                                                                 \
	volatile mcsafe_alias_u##bits##_ *at =                                                    \
		MCSAFE_CAST_(volatile mcsafe_alias_u##bits##_ *, p);                              \
	uint64_t landed[3];                                                                       \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &value);                                         \
	MCSAFE_MSAN_WRITTEN_(&value, sizeof(value));                                              \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_NOTED_(MCSAFE_TO_MEMORY_("mov", b, s),           \
						       MCSAFE_ROW_STORE)                          \
		: [m] "=m"(*at), MCSAFE_ACCESS_NOTES_(landed)                                     \
		: [v] "r"(value)                                                                  \
		: MCSAFE_LANDING_CLOBBERS_                                                        \
		: fault);                                                                         \
	MCSAFE_MSAN_COPIED_(p, &given, sizeof(value));                                            \
	return MCSAFE_CAUSE_NONE;                                                                 \
fault:                                                                                            \
	return mcsafe_failed_(landed, p, fault);                                                  \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_noted_u##bits##_(                                     \
	volatile void *p, uint##bits##_t value, uint##bits##_t *old, struct mcsafe_fault *fault)  \
{                                                                                                 \
	volatile mcsafe_alias_u##bits##_ *at =                                                    \
		MCSAFE_CAST_(volatile mcsafe_alias_u##bits##_ *, p);                              \
	uint64_t landed[3];                                                                       \
	uint##bits##_t got;                                                                       \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, was, p);                                                \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &value);                                         \
	MCSAFE_MSAN_WRITTEN_(&value, sizeof(value));                                              \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_NOTED_(MCSAFE_TO_MEMORY_("xchg", b, s),          \
						       MCSAFE_ROW_STORE)                          \
		: [v] "=r"(got), [m] "+m"(*at), MCSAFE_ACCESS_NOTES_(landed)                      \
		: "0"(value)                                                                      \
		: MCSAFE_LANDING_CLOBBERS_                                                        \
		: fault);                                                                         \
	*old = got;                                                                               \
	MCSAFE_MSAN_COPIED_(old, &was, sizeof(*old));                                             \
	MCSAFE_MSAN_COPIED_(p, &given, sizeof(value));                                            \
	return MCSAFE_CAUSE_NONE;                                                                 \
fault:                                                                                            \
	return mcsafe_failed_(landed, p, fault);                                                  \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_noted_u##bits##_(                                  \
	volatile void *p, uint##bits##_t expected, uint##bits##_t desired, uint##bits##_t *seen,  \
	struct mcsafe_fault *fault)                                                               \
{                                                                                                 \
	volatile mcsafe_alias_u##bits##_ *at =                                                    \
		MCSAFE_CAST_(volatile mcsafe_alias_u##bits##_ *, p);                              \
	uint64_t landed[3];                                                                       \
	uint##bits##_t got;                                                                       \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, was, p);                                                \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &desired);                                       \
	MCSAFE_MSAN_WRITTEN_(&desired, sizeof(desired));                                          \
	__asm__ __volatile__ goto(MCSAFE_ACCESS_NOTED_(MCSAFE_TO_MEMORY_("lock cmpxchg", b, s),  \
						       MCSAFE_ROW_STORE)                          \
		: "=a"(got), [m] "+m"(*at), MCSAFE_ACCESS_NOTES_(landed)                          \
		: "0"(expected), [v] "r"(desired)                                                 \
		: MCSAFE_LANDING_CLOBBERS_, "cc"                                                  \
		: fault);                                                                         \
	*seen = got;                                                                              \
	MCSAFE_MSAN_COPIED_(seen, &was, sizeof(*seen));                                           \
	MCSAFE_MSAN_COPIED_(p, &given, got == expected ? sizeof(desired) : 0);                    \
	return MCSAFE_CAUSE_NONE;                                                                 \
fault:                                                                                            \
	return mcsafe_failed_(landed, p, fault);                                                  \
}

MCSAFE_DEFINE_ACCESS_(8, uint32_t, "{movzbl %[m], %k[v]|mov %b[v], %[m]; movzx %k[v], %b[v]}", "b",
		      "b")
MCSAFE_DEFINE_ACCESS_(16, uint32_t, "{movzwl %[m], %k[v]|mov %w[v], %[m]; movzx %k[v], %w[v]}", "w",
		      "w")
MCSAFE_DEFINE_ACCESS_(32, uint32_t, "mov{l %[m], %k[v]| %k[v], %[m]}", "k", "l")
MCSAFE_DEFINE_ACCESS_(64, uint64_t, "mov{q %[m], %q[v]| %q[v], %[m]}", "q", "q")

# undef MCSAFE_DEFINE_ACCESS_
# undef MCSAFE_LANDING_CLOBBERS_
# undef MCSAFE_TO_MEMORY_
/* clang-format on */

# else /* !MCSAFE_ACCESS_INLINE */

MCSAFE_INLINE int mcsafe_access_ready(void) MCSAFE_AGAIN_
{
	return 0;
}

/* clang-format off */
# define MCSAFE_DEFINE_ACCESS_(bits)                                                              \
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_noted_u##bits##_(                                     \
	const volatile void *p, uint##bits##_t *value, struct mcsafe_fault *fault)                \
{                                                                                                 \
	uint64_t got;                                                                             \
	enum mcsafe_cause cause = mcsafe_access_load(p, sizeof(*value), &got, fault);             \
	if (cause == MCSAFE_CAUSE_NONE) {                                                         \
		*value = MCSAFE_CAST_(uint##bits##_t, got);                                       \
		MCSAFE_MSAN_COPIED_(value, p, sizeof(*value));                                    \
	}                                                                                         \
	return mcsafe_noted_(cause, fault);                                                       \
}                                                                                                 \
MCSAFE_INLINE int mcsafe_load_quiet_u##bits##_(const volatile void *p, uint##bits##_t *value)     \
{                                                                                                 \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*value));                                                  \
	return mcsafe_load_noted_u##bits##_(p, value, NULL) != MCSAFE_CAUSE_NONE;                 \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_noted_u##bits##_(                                    \
	volatile void *p, uint##bits##_t value, struct mcsafe_fault *fault)                       \
{                                                                                                 \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &value);                                         \
	MCSAFE_MSAN_WRITTEN_(&value, sizeof(value));                                              \
	cause = mcsafe_access_store(p, sizeof(value), value, fault);                              \
	if (cause == MCSAFE_CAUSE_NONE)                                                           \
		MCSAFE_MSAN_COPIED_(p, &given, sizeof(value));                                    \
	return mcsafe_noted_(cause, fault);                                                       \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_noted_u##bits##_(                                     \
	volatile void *p, uint##bits##_t value, uint##bits##_t *old, struct mcsafe_fault *fault)  \
{                                                                                                 \
	uint64_t got;                                                                             \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, was, p);                                                \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &value);                                         \
	MCSAFE_MSAN_WRITTEN_(&value, sizeof(value));                                              \
	cause = mcsafe_access_xchg(p, sizeof(value), value, &got, fault);                         \
	if (cause == MCSAFE_CAUSE_NONE) {                                                         \
		*old = MCSAFE_CAST_(uint##bits##_t, got);                                         \
		MCSAFE_MSAN_COPIED_(old, &was, sizeof(*old));                                     \
		MCSAFE_MSAN_COPIED_(p, &given, sizeof(value));                                    \
	}                                                                                         \
	return mcsafe_noted_(cause, fault);                                                       \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_noted_u##bits##_(                                  \
	volatile void *p, uint##bits##_t expected, uint##bits##_t desired, uint##bits##_t *seen,  \
	struct mcsafe_fault *fault)                                                               \
{                                                                                                 \
	uint64_t got;                                                                             \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, was, p);                                                \
	MCSAFE_MSAN_KEPT_(uint##bits##_t, given, &desired);                                       \
	MCSAFE_MSAN_WRITTEN_(&desired, sizeof(desired));                                          \
	cause = mcsafe_access_cmpxchg(p, sizeof(desired), expected, desired, &got, fault);        \
	if (cause == MCSAFE_CAUSE_NONE) {                                                         \
		MCSAFE_MSAN_WRITTEN_(&got, sizeof(got));                                          \
		*seen = MCSAFE_CAST_(uint##bits##_t, got);                                        \
		MCSAFE_MSAN_COPIED_(seen, &was, sizeof(*seen));                                   \
		MCSAFE_MSAN_COPIED_(p, &given, got == expected ? sizeof(desired) : 0);            \
	}                                                                                         \
	return mcsafe_noted_(cause, fault);                                                       \
}

MCSAFE_DEFINE_ACCESS_(8)
MCSAFE_DEFINE_ACCESS_(16)
MCSAFE_DEFINE_ACCESS_(32)
MCSAFE_DEFINE_ACCESS_(64)

# undef MCSAFE_DEFINE_ACCESS_
/* clang-format on */

# endif /* MCSAFE_ACCESS_INLINE */

/* clang-format off */
#define MCSAFE_DEFINE_ORDERED_(bits)                                                              \
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_explicit_u##bits(                                     \
	const volatile uint##bits##_t *p, uint##bits##_t *value, int order,                       \
	struct mcsafe_fault *fault) MCSAFE_AGAIN_                                                 \
{                                                                                                 \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*p));                                                      \
	mcsafe_order_(order);                                                                     \
	cause = mcsafe_load_noted_u##bits##_(p, value, fault);                                    \
	mcsafe_order_(order);                                                                     \
	return cause;                                                                             \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_explicit_u##bits(                                     \
	volatile uint##bits##_t *p, uint##bits##_t value, uint##bits##_t *old, int order,         \
	struct mcsafe_fault *fault) MCSAFE_AGAIN_                                                 \
{                                                                                                 \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*p));                                                      \
	mcsafe_order_(order);                                                                     \
	cause = mcsafe_xchg_noted_u##bits##_(p, value, old, fault);                               \
	mcsafe_order_(order);                                                                     \
	return cause;                                                                             \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_explicit_u##bits(                                    \
	volatile uint##bits##_t *p, uint##bits##_t value, int order, struct mcsafe_fault *fault)  \
	MCSAFE_AGAIN_                                                                             \
{                                                                                                 \
	enum mcsafe_cause cause;                                                                  \
	uint##bits##_t old;                                                                       \
	if (order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE)                               \
		return mcsafe_xchg_explicit_u##bits(p, value, &old, order, fault);                \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*p));                                                      \
	mcsafe_order_(order);                                                                     \
	cause = mcsafe_store_noted_u##bits##_(p, value, fault);                                   \
	mcsafe_order_(order);                                                                     \
	return cause;                                                                             \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_explicit_u##bits(                                  \
	volatile uint##bits##_t *p, uint##bits##_t expected, uint##bits##_t desired,              \
	uint##bits##_t *seen, int order, struct mcsafe_fault *fault) MCSAFE_AGAIN_                \
{                                                                                                 \
	enum mcsafe_cause cause;                                                                  \
	MCSAFE_NEED_ALIGNED_(p, sizeof(*p));                                                      \
	mcsafe_order_(order);                                                                     \
	cause = mcsafe_cmpxchg_noted_u##bits##_(p, expected, desired, seen, fault);               \
	mcsafe_order_(order);                                                                     \
	return cause;                                                                             \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_u##bits(                                              \
	const volatile uint##bits##_t *p, uint##bits##_t *value) MCSAFE_AGAIN_                    \
{                                                                                                 \
	return mcsafe_load_explicit_u##bits(p, value, __ATOMIC_RELAXED, NULL);                    \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_u##bits(                                             \
	volatile uint##bits##_t *p, uint##bits##_t value) MCSAFE_AGAIN_                           \
{                                                                                                 \
	return mcsafe_store_explicit_u##bits(p, value, __ATOMIC_RELAXED, NULL);                   \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_u##bits(                                              \
	volatile uint##bits##_t *p, uint##bits##_t value, uint##bits##_t *old) MCSAFE_AGAIN_      \
{                                                                                                 \
	return mcsafe_xchg_explicit_u##bits(p, value, old, __ATOMIC_SEQ_CST, NULL);               \
}                                                                                                 \
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_u##bits(                                           \
	volatile uint##bits##_t *p, uint##bits##_t expected, uint##bits##_t desired,              \
	uint##bits##_t *seen) MCSAFE_AGAIN_                                                       \
{                                                                                                 \
	return mcsafe_cmpxchg_explicit_u##bits(p, expected, desired, seen, __ATOMIC_SEQ_CST,      \
					       NULL);                                             \
}

MCSAFE_DEFINE_ORDERED_(8)
MCSAFE_DEFINE_ORDERED_(16)
MCSAFE_DEFINE_ORDERED_(32)
MCSAFE_DEFINE_ORDERED_(64)

#define MCSAFE_DEFINE_UNALIGNED_(bits)                                                            \
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_unaligned_u##bits(                                    \
	const volatile void *p, uint##bits##_t *value) MCSAFE_AGAIN_                              \
{                                                                                                 \
	struct mcsafe_fault fault;                                                                \
	uint##bits##_t got;                                                                       \
	if (MCSAFE_ADDRESS_(p) % 64 <= 64 - sizeof(got))                                          \
		return mcsafe_load_noted_u##bits##_(p, value, NULL);                              \
	if (mcsafe_memcpy(&got, MCSAFE_POINTER_(MCSAFE_ADDRESS_(p)), sizeof(got), &fault) != 0) { \
		MCSAFE_MSAN_WRITTEN_(&fault, sizeof(fault));                                      \
		return mcsafe_is_fault_(fault.cause);                                             \
	}                                                                                         \
	MCSAFE_MSAN_COPIED_(&got, p, sizeof(got));                                                \
	*value = got;                                                                             \
	return MCSAFE_CAUSE_NONE;                                                                 \
}

MCSAFE_DEFINE_UNALIGNED_(16)
MCSAFE_DEFINE_UNALIGNED_(32)
MCSAFE_DEFINE_UNALIGNED_(64)
/* clang-format on */

# undef MCSAFE_DEFINE_ORDERED_
# undef MCSAFE_DEFINE_UNALIGNED_

/* Load size bytes, 1, 2, 4 or 8. Returns 0; or 1 if they cannot be read, with *value unchanged. */
MCSAFE_INLINE int mcsafe_load_sized_(const volatile void *p, size_t size, void *value)
{
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;
	uint64_t u64 = 0;
	const void *got = size == 1   ? MCSAFE_CAST_(const void *, &u8)
			  : size == 2 ? MCSAFE_CAST_(const void *, &u16)
			  : size == 4 ? MCSAFE_CAST_(const void *, &u32)
				      : MCSAFE_CAST_(const void *, &u64);
	int failed = size == 1   ? mcsafe_load_quiet_u8_(p, &u8)
		     : size == 2 ? mcsafe_load_quiet_u16_(p, &u16)
		     : size == 4 ? mcsafe_load_quiet_u32_(p, &u32)
				 : mcsafe_load_quiet_u64_(p, &u64);

	if (!failed)
		__builtin_memcpy(value, got, size);
	return failed;
}

MCSAFE_END_DECLS

# include <mcsafe/access_copy.h>

# undef MCSAFE_ADDRESS_
# undef MCSAFE_AGAIN_
# undef MCSAFE_CAST_
# undef MCSAFE_MSAN_COPIED_
# undef MCSAFE_MSAN_KEPT_
# undef MCSAFE_MSAN_WRITTEN_
# undef MCSAFE_NEED_ALIGNED_
# undef MCSAFE_POINTER_

# define MCSAFE_IS_WORD_(size) ((size) == 1 || (size) == 2 || (size) == 4 || (size) == 8)

/*
 * mcsafe_load_or(p, otherwise): the word that p points to, or otherwise if it cannot be read. The
 * size of the word must be 1, 2, 4 or 8 bytes. A macro in C, a template in C++. In C, the comma
 * operator removes the qualifiers from the type of *(p).
 */
# ifdef __cplusplus
extern "C++" {
template <typename T, typename U>
MCSAFE_INLINE T mcsafe_load_or(const volatile T *p, const U &otherwise) noexcept
{
	static_assert(MCSAFE_IS_WORD_(sizeof(T)), "mcsafe_load_or: 1, 2, 4 or 8 bytes");
	T value = static_cast<T>(otherwise);

	(void)mcsafe_load_sized_(p, sizeof(T), &value);
	return value;
}
}
# else
#  define mcsafe_load_or(p, otherwise)                                          \
   __extension__({                                                              \
const volatile __typeof__(*(p)) *mcsafe_or_p_ = (p);                                             \
__typeof__(((void)0, *mcsafe_or_p_)) mcsafe_or_value_ = (otherwise);                             \
_Static_assert(MCSAFE_IS_WORD_(sizeof(mcsafe_or_value_)), "mcsafe_load_or: 1, 2, 4 or 8 bytes"); \
(void)mcsafe_load_sized_(mcsafe_or_p_, sizeof(mcsafe_or_value_), &mcsafe_or_value_);             \
mcsafe_or_value_;                                                                                \
   })
# endif

#endif /* MCSAFE_ACCESS_INLINE_H */
