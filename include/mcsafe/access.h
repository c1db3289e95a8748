/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access.h - single words of memory that can fail, at the cost of an ordinary access
 *
 * For headers in shared memory, nodes of trees, slots of rings: where one word is wanted, and a
 * call would cost more than the access.
 *
 *	#include <mcsafe/access.h>
 *
 *	int is_valid(const uint32_t *header, uint32_t magic)
 *	{
 *		uint32_t value;
 *
 *		if (mcsafe_load_u32(header, &value) != MCSAFE_CAUSE_NONE)
 *			return -1;
 *		return value == magic;
 *	}
 *
 * The functions are inline: one instruction and, in a table of the including object, one row for
 * it. When all goes well there is no call, no branch and nothing to test: the part after != above
 * is where a fault jumps to. Three registers (%r9, %r10, %r11) are not kept over an access.
 *
 * mcsafe_install() must have been called, or a host's handler must pass its signals on. The rows of
 * a program or a shared object become known in a constructor, and unknown in a destructor when
 * dlclose(3) unloads it: mcsafe_access_ready() says whether that has worked. An access that runs
 * before, in a constructor of priority 101 or below, is an ordinary one; and so is one of a thread
 * that still runs when exit(3) has come to the destructors.
 *
 * Alignment: an address must be a multiple of the size, except for mcsafe_load_unaligned_*(). So no
 * access crosses a 64-byte line, which can be fatal where one of the two is poisoned, and every
 * access is atomic. This is not checked, unless MCSAFE_CHECK_ALIGNMENT is defined before the header
 * is included: then a wrong address ends the program by __builtin_trap().
 *
 * Compilers: gcc 11 and clang 11, C11 and C++11 or later, at every level of optimization. For
 * others, or if MCSAFE_ACCESS_INLINE is defined as 0, each function is a call into the library.
 * MCSAFE_ACCESS_INLINE and MCSAFE_CHECK_ALIGNMENT must be the same in all of a program's files
 * that share inline functions of C++.
 */
#ifndef MCSAFE_ACCESS_H
#define MCSAFE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/compiler.h>
#include <mcsafe/extable.h>
#include <mcsafe/fault.h>

#include <mcsafe/access_rows.h>

MCSAFE_BEGIN_DECLS

/**
 * Say whether faults at the inline accesses of this program or shared object can land.
 *
 * @return 0        they can, as soon as the handler is installed.
 *         -ENOSPC, -ENOMEM
 *                  they cannot: mcsafe_module_attach() has failed in the constructor. They are
 *                  ordinary accesses.
 *
 * @par Safety      MT-Safe, AS-Safe
 * @since 0.1       @see mcsafe_module_attach()
 */
MCSAFE_INLINE int mcsafe_access_ready(void) MCSAFE_NOEXCEPT;

/**
 * Load a word.
 *
 * A relaxed atomic load: the compiler may move it among accesses to other memory, and does not
 * repeat, merge or leave it out. mcsafe_load_explicit_u8() has more order.
 *
 * @param[in]  p      Aligned. May be unmapped, protected, truncated or poisoned.
 * @param[out] value  Receives the word; as it was if the load failed.
 *
 * @return MCSAFE_CAUSE_NONE, which is 0, or why the load failed.
 *
 * @par Poison        The word is not read again by the call, and must not be by the caller.
 * @par Safety        MT-Safe, AS-Safe. errno, the signal mask and the stack are as before.
 * @par Cost          That of a plain load. A fault costs some microseconds.
 * @since 0.1         @see mcsafe_load_or(), mcsafe_load_explicit_u8()
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_u8(const volatile uint8_t *p, uint8_t *value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_u16(const volatile uint16_t *p, uint16_t *value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_u32(const volatile uint32_t *p, uint32_t *value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_u64(const volatile uint64_t *p, uint64_t *value)
	MCSAFE_NOEXCEPT;

/**
 * Load a word, wherever it lies.
 *
 * One load if the word lies in one 64-byte line; otherwise mcsafe_memcpy(), whose loads do not
 * cross lines, and then it is not atomic.
 *
 * @param[in]  p      Any alignment.
 * @param[out] value  As for mcsafe_load_u8().
 * @return            As mcsafe_load_u8().
 *
 * @par Safety        MT-Safe, AS-Safe
 * @par Cost          That of a plain load, a comparison and a branch.
 * @since 0.1         @see mcsafe_load_u8(), mcsafe_memcpy()
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_unaligned_u16(const volatile void *p, uint16_t *value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_unaligned_u32(const volatile void *p, uint32_t *value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_unaligned_u64(const volatile void *p, uint64_t *value)
	MCSAFE_NOEXCEPT;

/**
 * Store a word.
 *
 * A relaxed atomic store, as mcsafe_load_u8() is a relaxed load.
 *
 * @param[out] p      Aligned. May be unmapped, read-only, truncated or poisoned.
 * @param      value  The word. If the store failed, the memory is as it was.
 *
 * @return MCSAFE_CAUSE_NONE, or why the store failed.
 *
 * @par Safety        MT-Safe, AS-Safe
 * @par Cost          That of a plain store.
 * @since 0.1         @see mcsafe_store_explicit_u8()
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_u8(volatile uint8_t *p, uint8_t value) MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_u16(volatile uint16_t *p, uint16_t value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_u32(volatile uint32_t *p, uint32_t value)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_u64(volatile uint64_t *p, uint64_t value)
	MCSAFE_NOEXCEPT;

/**
 * Exchange a word for another, at once; sequentially consistent.
 *
 * @param[in,out] p      Aligned. Must be writable; a fault is one of a store, whichever half failed.
 * @param         value  The new word. If the exchange failed, the memory is as it was.
 * @param[out]    old    Receives the word that was there; as it was if the exchange failed.
 *
 * @return MCSAFE_CAUSE_NONE, or why it failed.
 *
 * @par Safety           MT-Safe, AS-Safe
 * @par Cost             That of XCHG.
 * @since 0.1            @see mcsafe_cmpxchg_u8(), mcsafe_xchg_explicit_u8()
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_u8(volatile uint8_t *p, uint8_t value, uint8_t *old)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_u16(volatile uint16_t *p, uint16_t value, uint16_t *old)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_u32(volatile uint32_t *p, uint32_t value, uint32_t *old)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_u64(volatile uint64_t *p, uint64_t value, uint64_t *old)
	MCSAFE_NOEXCEPT;

/**
 * Exchange a word for another if it is what is expected, at once; sequentially consistent.
 *
 * @param[in,out] p         As for mcsafe_xchg_u8(): writable also where the words differ.
 * @param         expected  The word that is to be there.
 * @param         desired   The word that is to be there afterwards.
 * @param[out]    seen      Receives the word that was there: it was exchanged if that is expected.
 *                          As it was if the access failed.
 *
 * @return MCSAFE_CAUSE_NONE, exchanged or not; or why the access failed.
 *
 * @par Safety              MT-Safe, AS-Safe
 * @par Cost                That of LOCK CMPXCHG.
 * @par Source              Semantics of the Linux kernel's cmpxchg().
 * @since 0.1               @see mcsafe_xchg_u8(), mcsafe_cmpxchg_explicit_u8()
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_u8(volatile uint8_t *p, uint8_t expected,
						  uint8_t desired, uint8_t *seen) MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_u16(volatile uint16_t *p, uint16_t expected,
						   uint16_t desired, uint16_t *seen)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_u32(volatile uint32_t *p, uint32_t expected,
						   uint32_t desired, uint32_t *seen)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_u64(volatile uint64_t *p, uint64_t expected,
						   uint64_t desired, uint64_t *seen)
	MCSAFE_NOEXCEPT;

/**
 * The same with a memory order and a fault record.
 *
 * @param      order  __ATOMIC_RELAXED, __ATOMIC_ACQUIRE, __ATOMIC_RELEASE, __ATOMIC_ACQ_REL or
 *                    __ATOMIC_SEQ_CST, which have the values of memory_order in <stdatomic.h>;
 *                    any other counts as the last, and an order that the operation cannot have
 *                    (a load cannot release) as one that it can. The processor orders loads and
 *                    stores as acquire and release ask at no cost; a store that is sequentially
 *                    consistent is an XCHG. Exchanges of the processor are sequentially consistent
 *                    always: a weaker order gives freedom to the compiler only.
 * @param[out] fault  Receives what the fault was; NULL if not wanted. Written if and only if the
 *                    result is not MCSAFE_CAUSE_NONE. Its side is SOURCE for loads, otherwise
 *                    DESTINATION.
 * @return            As the functions above, and as their names say.
 *
 * @par Safety        MT-Safe, AS-Safe
 * @since 0.1         @see mcsafe_load_u8(), struct mcsafe_fault
 */
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_explicit_u8(const volatile uint8_t *p, uint8_t *value,
							int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_explicit_u16(const volatile uint16_t *p,
							 uint16_t *value, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_explicit_u32(const volatile uint32_t *p,
							 uint32_t *value, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_load_explicit_u64(const volatile uint64_t *p,
							 uint64_t *value, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_explicit_u8(volatile uint8_t *p, uint8_t value,
							 int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_explicit_u16(volatile uint16_t *p, uint16_t value,
							  int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_explicit_u32(volatile uint32_t *p, uint32_t value,
							  int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_store_explicit_u64(volatile uint64_t *p, uint64_t value,
							  int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_explicit_u8(volatile uint8_t *p, uint8_t value,
							uint8_t *old, int order,
							struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_explicit_u16(volatile uint16_t *p, uint16_t value,
							 uint16_t *old, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_explicit_u32(volatile uint32_t *p, uint32_t value,
							 uint32_t *old, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_xchg_explicit_u64(volatile uint64_t *p, uint64_t value,
							 uint64_t *old, int order,
							 struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_explicit_u8(volatile uint8_t *p, uint8_t expected,
							   uint8_t desired, uint8_t *seen,
							   int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_explicit_u16(volatile uint16_t *p, uint16_t expected,
							    uint16_t desired, uint16_t *seen,
							    int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_explicit_u32(volatile uint32_t *p, uint32_t expected,
							    uint32_t desired, uint32_t *seen,
							    int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;
MCSAFE_INLINE enum mcsafe_cause mcsafe_cmpxchg_explicit_u64(volatile uint64_t *p, uint64_t expected,
							    uint64_t desired, uint64_t *seen,
							    int order, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * The same out of line, for callers in other languages and for compilers without asm goto.
 *
 * @param[in]     p         As for the functions above.
 * @param         size      1, 2, 4 or 8.
 * @param[out]    value     Receives the word, its upper bytes 0; as it was if the load failed.
 * @param[out]    fault     As for mcsafe_load_explicit_u8().
 * @return                  As mcsafe_load_u8(); MCSAFE_CAUSE_UNKNOWN for any other size, with
 *                          nothing touched and *fault not written.
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_load_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_load(const volatile void *p, size_t size,
						uint64_t *value, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Store out of line.
 *
 * @param[out]    p         As for mcsafe_store_u8().
 * @param         size      1, 2, 4 or 8.
 * @param         value     Its lower bytes are stored.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. Ordered as release; see mcsafe_access_xchg().
 * @since 0.1               @see mcsafe_store_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_store(volatile void *p, size_t size, uint64_t value,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Exchange out of line.
 *
 * @param[in,out] p         As for mcsafe_xchg_u8().
 * @param         size      1, 2, 4 or 8.
 * @param         value     Its lower bytes are stored.
 * @param[out]    old       Receives the word that was there, its upper bytes 0.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_xchg_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_xchg(volatile void *p, size_t size, uint64_t value,
						uint64_t *old, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Compare and exchange out of line.
 *
 * @param[in,out] p         As for mcsafe_cmpxchg_u8().
 * @param         size      1, 2, 4 or 8.
 * @param         expected  Its lower bytes count.
 * @param         desired   Its lower bytes are stored.
 * @param[out]    seen      Receives the word that was there, its upper bytes 0.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_cmpxchg_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_cmpxchg(volatile void *p, size_t size, uint64_t expected,
						   uint64_t desired, uint64_t *seen,
						   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#include <mcsafe/access_inline.h>

#endif /* MCSAFE_ACCESS_H */
