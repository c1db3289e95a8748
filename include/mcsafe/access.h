/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access.h - single words of memory that can fail, at the cost of an ordinary access
 *
 * For code that needs one word, and for which a call would cost more than the access: headers in
 * shared memory, nodes of trees, slots of rings.
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
 * The functions are inline. Each compiles to one instruction, and to one row for that instruction
 * in a table of the including object. Without a fault there is no call, no branch and no test: a
 * fault jumps directly to the code for the failed case, which is "return -1" above. The registers
 * %r9, %r10 and %r11 do not survive an access.
 *
 * Call mcsafe_install() first, or call mcsafe_handle_signal() in a handler of your own. A
 * constructor registers the rows of the program or shared object, and a destructor unregisters them
 * when dlclose(3) unloads the object. mcsafe_access_ready() says whether that worked. Without
 * registered rows an access is ordinary, and a fault kills the process. That is so in constructors
 * of priority 101 or below, and in threads that still run after exit(3) has called the destructors.
 *
 * Alignment: an address must be a multiple of the size, except for mcsafe_load_unaligned_*().
 * Therefore no access crosses a 64-byte line, which can be fatal if one of the two lines is
 * poisoned, and every access is atomic. The alignment is not checked, unless MCSAFE_CHECK_ALIGNMENT
 * is defined before the header is included. In that case a wrong address ends the program by
 * __builtin_trap().
 *
 * Compilers: gcc 11 and clang 11 or later, C11 and C++11 or later, at every level of optimization,
 * with -masm=att and with -masm=intel.
 * With other compilers, or if MCSAFE_ACCESS_INLINE is defined as 0, each function is a call into
 * the library. MCSAFE_ACCESS_INLINE and MCSAFE_CHECK_ALIGNMENT must be the same in all files of a
 * program that share inline functions of C++.
 */
#ifndef MCSAFE_ACCESS_H
#define MCSAFE_ACCESS_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/extable.h>
#include <mcsafe/fault.h>

#include <mcsafe/access_rows.h>

MCSAFE_BEGIN_DECLS

/**
 * Say whether faults at the inline accesses of this program or shared object can land.
 *
 * @return 0        They can, as soon as the handler is installed.
 *         -ENOMEM  They cannot, because mcsafe_module_attach() failed in the constructor. The
 *                  accesses are ordinary: a fault kills the process.
 *
 * @par Safety      MT-Safe, AS-Safe
 * @since 0.1       @see mcsafe_module_attach()
 */
MCSAFE_INLINE int mcsafe_access_ready(void) MCSAFE_NOEXCEPT;

/**
 * Load a word.
 *
 * A relaxed atomic load. The compiler may move it among accesses to other memory, but does not
 * repeat, merge or omit it. mcsafe_load_explicit_u8() offers stronger orders.
 *
 * @param[in]  p      Aligned. May be unmapped, protected, truncated or poisoned.
 * @param[out] value  Receives the word. Unchanged if the load failed.
 *
 * @return MCSAFE_CAUSE_NONE, which is 0, or why the load failed.
 *
 * @par Poison        The call does not read the word again, and the caller must not read it again.
 * @par Safety        MT-Safe, AS-Safe. errno, the signal mask and the stack are unchanged.
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
 * Load a word from an address of any alignment.
 *
 * If the word lies in one 64-byte line, this is one load. Otherwise mcsafe_memcpy(), whose loads do
 * not cross lines, copies the word; the load is then not atomic.
 *
 * @param[in]  p      Any alignment. May be unmapped, protected, truncated or poisoned.
 * @param[out] value  As for mcsafe_load_u8().
 * @return            As for mcsafe_load_u8().
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
 * A relaxed atomic store, as mcsafe_load_u8() is a relaxed atomic load.
 *
 * @param[out] p      Aligned. May be unmapped, read-only, truncated or poisoned.
 * @param      value  The word. If the store failed, the memory is unchanged.
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
 * Exchange a word atomically. Sequentially consistent.
 *
 * @param[in,out] p      Aligned. Must be writable. A fault counts as that of a store, whether the
 *                       load or the store failed.
 * @param         value  The new word. If the exchange failed, the memory is unchanged.
 * @param[out]    old    Receives the previous word. Unchanged if the exchange failed.
 *
 * @return MCSAFE_CAUSE_NONE, or why the exchange failed.
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
 * Exchange a word atomically if it has the expected value. Sequentially consistent.
 *
 * @param[in,out] p         As for mcsafe_xchg_u8(). Must be writable even if the words differ.
 * @param         expected  The word is exchanged only if it has this value.
 * @param         desired   The new word.
 * @param[out]    seen      Receives the previous word. If it equals expected, the word was
 *                          exchanged. Unchanged if the access failed.
 *
 * @return MCSAFE_CAUSE_NONE, whether or not the word was exchanged; or why the access failed.
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
 * Access a word with a memory order and a fault record.
 *
 * These functions are like the functions above that have the same name without "explicit".
 *
 * @param      order  __ATOMIC_RELAXED, __ATOMIC_ACQUIRE, __ATOMIC_RELEASE, __ATOMIC_ACQ_REL or
 *                    __ATOMIC_SEQ_CST, which have the values of memory_order in <stdatomic.h>. Any
 *                    other value counts as __ATOMIC_SEQ_CST. An order that the operation cannot
 *                    have (a load cannot release) counts as one that it can have. On x86-64 loads
 *                    acquire and stores release at no cost. A sequentially consistent store is an
 *                    XCHG. Exchanges are always sequentially consistent in the processor; a weaker
 *                    order only gives the compiler more freedom.
 * @param[out] fault  Receives what the fault was; may be NULL. Written if and only if the result is
 *                    not MCSAFE_CAUSE_NONE. Its side is SOURCE for loads, otherwise DESTINATION.
 * @return            As for the functions above.
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
 * Load a word by a call, for callers in other languages and for compilers without asm goto.
 *
 * @param[in]     p         As for mcsafe_load_u8().
 * @param         size      The size of the word in bytes: 1, 2, 4 or 8.
 * @param[out]    value     Receives the word, with its upper bytes 0. Unchanged if the load failed.
 * @param[out]    fault     As for mcsafe_load_explicit_u8().
 * @return                  As for mcsafe_load_u8(). For any other size MCSAFE_CAUSE_UNKNOWN: then
 *                          nothing was accessed, and *fault was not written.
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_load_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_load(const volatile void *p, size_t size,
						uint64_t *value, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Store a word by a call.
 *
 * @param[out]    p         As for mcsafe_store_u8().
 * @param         size      The size of the word in bytes: 1, 2, 4 or 8.
 * @param         value     Its lower size bytes are stored.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As for mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. The store has release order. For a sequentially
 *                          consistent store, use mcsafe_access_xchg().
 * @since 0.1               @see mcsafe_store_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_store(volatile void *p, size_t size, uint64_t value,
						 struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Exchange a word by a call.
 *
 * @param[in,out] p         As for mcsafe_xchg_u8().
 * @param         size      The size of the word in bytes: 1, 2, 4 or 8.
 * @param         value     Its lower size bytes are stored.
 * @param[out]    old       Receives the previous word, with its upper bytes 0.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As for mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_xchg_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_xchg(volatile void *p, size_t size, uint64_t value,
						uint64_t *old, struct mcsafe_fault *fault)
	MCSAFE_NOEXCEPT;

/**
 * Compare and exchange a word by a call.
 *
 * @param[in,out] p         As for mcsafe_cmpxchg_u8().
 * @param         size      The size of the word in bytes: 1, 2, 4 or 8.
 * @param         expected  Its lower size bytes are compared.
 * @param         desired   Its lower size bytes are stored.
 * @param[out]    seen      Receives the previous word, with its upper bytes 0.
 * @param[out]    fault     As for mcsafe_access_load().
 * @return                  As for mcsafe_access_load().
 *
 * @par Safety              MT-Safe, AS-Safe. Sequentially consistent.
 * @since 0.1               @see mcsafe_cmpxchg_explicit_u8()
 */
MCSAFE_API enum mcsafe_cause mcsafe_access_cmpxchg(volatile void *p, size_t size, uint64_t expected,
						   uint64_t desired, uint64_t *seen,
						   struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Copy a constant number of bytes inline, as memcpy_mcsafe() copies them.
 *
 *	struct link link;
 *
 *	if (mcsafe_copy_const(&link, mapped, sizeof(link)) != 0)
 *		return -1;
 *
 * If n is a constant from 1 to 16 for the compiler, and the source lies in one 64-byte line, the
 * copy is one or two loads and as many stores, each with a row of this program or shared object.
 * Otherwise it is a call of memcpy_mcsafe(). It is a call also without optimization, in a program
 * that is built with MemorySanitizer, and where MCSAFE_ACCESS_INLINE is 0. A call for more than 16
 * bytes is faster than inline code, because the processor often predicts wrongly whether such a
 * source lies in one line.
 *
 * A copy that is inline differs from a call of memcpy_mcsafe() in two things. A fault lands only
 * if the rows of this program or shared object are registered, as for mcsafe_load_u8(). And
 * mcsafe_inject_schedule() neither counts the copy nor makes it fail; mcsafe_inject() does.
 *
 * @param[out] dst  As for memcpy_mcsafe(). If a store fails, memcpy_mcsafe() reads the source and
 *                  writes the destination again from their first bytes.
 * @param[in]  src  As for memcpy_mcsafe().
 * @param      n    As for memcpy_mcsafe().
 *
 * @return As for memcpy_mcsafe(): the number of bytes NOT copied. 0: all were copied. It is as
 *         exact. If the copy itself raises the machine check while it is inline, the result is n:
 *         the poisoned line holds all of the source.
 *
 * @par Safety      MT-Safe, AS-Safe. errno, the signal mask and the caller's stack are unchanged.
 * @par Cost        Inline, that of memcpy() with a constant length, a comparison and a branch.
 * @since 0.1       @see memcpy_mcsafe(), mcsafe_load_u8(), mcsafe_access_ready()
 */
MCSAFE_INLINE MCSAFE_NODISCARD size_t mcsafe_copy_const(void *dst, const void *src, size_t n)
	MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#include <mcsafe/access_inline.h>

#endif /* MCSAFE_ACCESS_H */
