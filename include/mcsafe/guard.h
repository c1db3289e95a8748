/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.h - let ordinary code touch memory that can fail
 *
 * A parser, a checksum or a function of another library reads mapped memory with instructions
 * that are not ours. A guard lets a region of such code be left when it faults on the memory that
 * the guard names:
 *
 *	#include <mcsafe/guard.h>
 *
 *	int sum(const unsigned char *mapped, size_t n, unsigned long *result)
 *	{
 *		struct mcsafe_guard guard;
 *		unsigned long all = 0;
 *
 *		MCSAFE_TRY(&guard, mapped, n) {
 *			for (size_t i = 0; i < n; i++)
 *				all += mapped[i];
 *			*result = all;
 *		} MCSAFE_CATCH(&guard) {
 *			return -mcsafe_fault_errno(&guard.fault);
 *		}
 *		return 0;
 *	}
 *
 * A fault jumps from the instruction that failed to MCSAFE_CATCH(), as siglongjmp(3) would, and
 * everything in between is left where it is: locks stay locked, memory stays allocated, data that
 * was being changed stays half changed. So these are the rules of the body, and of all that it
 * calls:
 *
 *   - It does not take locks, allocate, use stdio or call anything else that keeps a state of its
 *     own, unless that state does not matter after a fault. What the body only reads, and stores
 *     of its own, are safe. A fault cannot hit where the guarded memory is not touched.
 *   - Frames of C++ with destructors, of Rust, Go, Java or another runtime must not lie between the
 *     guard and the fault: they are not unwound. mcsafe_guard_check() reports such a jump.
 *   - A local variable of the function that arms the guard, which was changed in the body and is
 *     read after a fault, must be volatile, as with setjmp(3); or be in the function that
 *     mcsafe_call() runs, or behind a pointer. An inner guard whose record the outer one's second
 *     part reads is such a variable: make it static, or the caller's. What was stored behind a pointer is as the
 *     abstract machine has it if MCSAFE_GUARD_BARRIER() came between the store and the fault.
 *   - A compiler may move a load through a "restrict" pointer out of the body, as it may take the
 *     calls of this library not to change what such a pointer points to. MCSAFE_GUARD_OPAQUE() in
 *     the body makes a pointer of which it knows nothing.
 *   - No siglongjmp(3), swapcontext(3) or C++ exception of another scope leads out of a body in C:
 *     the guard would stay armed. return, break, continue and goto may; in C++ exceptions may.
 *   - A signal handler that runs during the body belongs to it: if it faults on the guarded memory
 *     outside guards of its own, the jump leaves the handler, and what the handler blocked stays
 *     blocked.
 *
 * After the jump the signal mask, the alternate stack, errno, and rounding and the other settings of
 * SSE (MXCSR) and x87 are those of the faulting instruction: the signal has been left as by its
 * handler's return, nothing is blocked by it. A body that changes them puts them back after a fault.
 * The registers that a function keeps for its caller are as they were when the guard was armed; the
 * x87 stack is empty, the direction flag clear, the upper vector halves zero.
 *
 * Guards belong to the thread that armed them, and nest. A child of fork(2) has those of the thread
 * that forked. A thread that ends takes its guards with it; it must not touch what they name after
 * the frames that hold them are gone (by pthread_exit(3), in destructors of pthread_key_create(3)).
 *
 * The handler must be installed: mcsafe_install(), or mcsafe_handle_signal() in a host's handler.
 */
#ifndef MCSAFE_GUARD_H
#define MCSAFE_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/compiler.h>
#include <mcsafe/fault.h>

#if defined(__SANITIZE_ADDRESS__)
# define MCSAFE_GUARD_ASAN_ 1
#elif defined(__SANITIZE_THREAD__)
# define MCSAFE_GUARD_TSAN_ 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define MCSAFE_GUARD_ASAN_ 1
# elif __has_feature(thread_sanitizer)
#  define MCSAFE_GUARD_TSAN_ 1
# elif __has_feature(memory_sanitizer)
#  define MCSAFE_GUARD_MSAN_ 1
#  include <sanitizer/msan_interface.h>
# endif
#endif

/* ThreadSanitizer needs a jmp_buf of its own. */
#ifdef MCSAFE_GUARD_TSAN_
# include <setjmp.h>
# define MCSAFE_GUARD_WORDS_ (16 + sizeof(jmp_buf) / (sizeof(uintptr_t)))
#else
# define MCSAFE_GUARD_WORDS_ 16
#endif

MCSAFE_BEGIN_DECLS

/**
 * Memory that a guarded region may fault on.
 *
 * A fault is inside a window if
 *   - the kernel gave an exact address (SIGSEGV with SEGV_MAPERR, SEGV_ACCERR or SEGV_PKUERR;
 *     SIGBUS with BUS_ADRERR or BUS_OBJERR) that is in [base, base + len). An access that begins
 *     before the window is inside if the first byte that faults is;
 *   - memory was poisoned (BUS_MCEERR_AR), and si_addr is in the window; or si_addr is the start of
 *     a page, which is all that the kernel says when poison is met for the first time, and the
 *     lost block overlaps the window: the block of the size 1 << si_addr_lsb, of a page at least,
 *     that holds si_addr. Poison in one 2 MiB page is never inside a window that lies in the next;
 *   - the window is MCSAFE_ANYWHERE. Nothing else catches a fault without an address: of a
 *     non-canonical one (SI_KERNEL), of an alignment check, and any other cause.
 * A page that is mapped twice may be reported at its other address: name both then.
 */
struct mcsafe_window {
	const void *base;
	size_t len; /**< bytes; a window that would pass the end of memory ends there; 0: none */
};

/** As base and length of a window: every fault of the thread is inside. */
#define MCSAFE_ANYWHERE NULL, SIZE_MAX

/**
 * A guard. Its memory belongs to the caller, and must stay while it is armed; it need not be
 * initialized. The first three members are written by a fault that this guard catches, and by
 * nothing else. The others are the library's.
 */
struct mcsafe_guard {
	struct mcsafe_fault fault; /**< addr is si_addr, NULL where there was none; side is
	                                          SOURCE for a load, DESTINATION for a store, NONE
	                                          where the processor did not say */
	size_t window;             /**< which window of the list, from 0 */
	size_t offset;             /**< how far into that window the first lost byte is */
	const struct mcsafe_window *windows;
	size_t n_windows;
	struct mcsafe_window own;
	struct mcsafe_guard *outer;
	uintptr_t state[MCSAFE_GUARD_WORDS_];
};

/**
 * Arm a guard, and return once more if it catches a fault; what MCSAFE_TRY() is made of.
 *
 * For those who write macros of their own. guard->windows and guard->n_windows must have been set.
 * The rules of setjmp(3) hold for where a call may stand, and the function that calls must not
 * return before the guard is disarmed.
 *
 * @param[in,out] guard  Not armed; not NULL.
 *
 * @return 0             armed. It is now the innermost guard of the thread.
 *         1             a fault was inside one of its windows; guard->fault says what it was. It
 *                       and all guards that were armed since are disarmed.
 *
 * @par Fault            A fault goes to the innermost guard that has a window for it. Guards within
 *                       that one are disarmed, too. If no guard has one, the fault is not ours, and
 *                       goes to the previous handler (mcsafe_install()). The same for a fault after
 *                       the second return: in MCSAFE_CATCH().
 * @par Signals          Only a fault of the thread itself is caught: never BUS_MCEERR_AO, and never
 *                       a signal that was sent (si_code <= 0).
 * @par Rows             Accesses that have a landing of their own (memcpy_mcsafe(), say) land there.
 * @par Safety           MT-Safe, AS-Safe
 * @par Cost             Some 20 instructions; no system call.
 * @since 0.1            @see mcsafe_guard_disarm(), mcsafe_call()
 */
MCSAFE_API int mcsafe_guard_enter(struct mcsafe_guard *guard) MCSAFE_NOEXCEPT MCSAFE_RETURNS_TWICE;

/**
 * Disarm a guard that mcsafe_guard_enter() has armed, and all that were armed since.
 *
 * @param[in,out] guard  The guard. Nothing is done if it is not armed; MCSAFE_TRY() calls it
 *                       whichever way the body is left.
 *
 * @par Safety           MT-Safe, AS-Safe
 * @since 0.1            @see mcsafe_guard_enter()
 */
MCSAFE_API void mcsafe_guard_disarm(struct mcsafe_guard *guard) MCSAFE_NOEXCEPT;

/**
 * Call a function that may fault on a window.
 *
 * For callers that cannot use MCSAFE_TRY(): other languages, and code whose variables should not
 * be subject to the rules of setjmp(3). The function, and all that it calls, obeys the rules at the
 * top of this file; no exception may leave it.
 *
 * @param[in]  base   The window, or MCSAFE_ANYWHERE in place of base and len.
 * @param      len    In bytes; 0: no fault is caught.
 * @param      fn     Called as fn(arg), in this thread, before mcsafe_call() returns.
 * @param      arg    Anything.
 * @param[out] fault  May be NULL. Written only if a fault was caught.
 *
 * @return 0          fn has returned.
 *         -EHWPOISON, -EIO, -EFAULT
 *                    it was left at a fault inside the window: -mcsafe_fault_errno(fault).
 *
 * @par Safety        MT-Safe, AS-Safe
 * @since 0.1         @see mcsafe_call_windows(), MCSAFE_TRY()
 */
MCSAFE_API int mcsafe_call(const void *base, size_t len, void (*fn)(void *), void *arg,
			   struct mcsafe_fault *fault);

/**
 * Call a function that may fault on any of several windows.
 *
 * @param[in]     windows    Read when a fault happens; the first that it is inside counts.
 * @param         n_windows  How many; 0: no fault is caught.
 * @param         fn         As for mcsafe_call().
 * @param         arg
 * @param[in,out] guard      May be NULL. A guard that is not armed; after a fault it says what that
 *                           was, and where.
 *
 * @return 0                 fn has returned.
 *         -EHWPOISON, -EIO, -EFAULT
 *                           it was left at a fault: -mcsafe_fault_errno(&guard->fault).
 *
 * @par Safety               MT-Safe, AS-Safe
 * @since 0.1                @see mcsafe_call()
 */
MCSAFE_API int mcsafe_call_windows(const struct mcsafe_window *windows, size_t n_windows,
				   void (*fn)(void *), void *arg, struct mcsafe_guard *guard);

/**
 * Report each jump that leaves frames behind which were to be unwound. For tests and debugging.
 *
 * A jump is reported, and goes on, if between the fault and the function that armed the guard there
 * is a frame
 *   - in which an exception would run code: destructors or catch blocks of C++, the same of another
 *     language, __attribute__((cleanup)) in C that was compiled with -fexceptions;
 *   - without unwind information, as of a just-in-time compiler;
 *   - of a signal handler.
 * One line says which jump it is, and one more for each such frame what is wrong with it. The
 * compiler's tables for exceptions are what is looked at: a frame that has nothing to destroy at
 * that very place is named all the same if its function has, and one is not seen of which the
 * compiler knew that nothing which it calls can throw, nor one that was inlined into the function
 * that armed the guard.
 *
 * @param fd        Where to write; -1: no more reports, which is how a program begins. The library
 *                  keeps a duplicate.
 *
 * @return          0        done.
 *                  -ENOSYS  the library was built without libunwind.
 *                  -EBADF   fd is not open for writing.
 *                  -ENOMEM, -EMFILE, ...  no memory or no descriptor for it. Nothing was changed.
 *
 * @par Cost        Each jump then makes a child process that walks the stack, and waits for it, two
 *                  seconds at most: it does nothing that is unsafe in a signal handler itself.
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1       @see MCSAFE_TRY()
 */
MCSAFE_API int mcsafe_guard_check(int fd) MCSAFE_NOEXCEPT;

/*
 * What the macros are made of.
 *
 * AddressSanitizer marks the frames of functions on the stack, and ThreadSanitizer keeps a stack of
 * its own: both must know what a jump has left behind. The library itself should be built with
 * the same sanitizer, if mcsafe_call() is used.
 */
static inline struct mcsafe_guard *mcsafe_guard_list_(struct mcsafe_guard *guard,
						      const struct mcsafe_window *windows,
						      size_t n_windows)
{
	guard->windows = windows;
	guard->n_windows = n_windows;
	return guard;
}

static inline struct mcsafe_guard *mcsafe_guard_one_(struct mcsafe_guard *guard, const void *base,
						     size_t len)
{
	guard->own.base = base;
	guard->own.len = len;
	return mcsafe_guard_list_(guard, &guard->own, 1);
}

static inline void mcsafe_guard_leave_(struct mcsafe_guard **guard)
{
	mcsafe_guard_disarm(*guard);
}

/*
 * At the beginning of the body, and of what comes after a fault. If both begin with the same load, a
 * compiler may do it before the branch between them: that is, once more after the fault. The
 * memory is another one behind a barrier, so the loads are not the same.
 */
static inline struct mcsafe_guard *mcsafe_guard_armed_(struct mcsafe_guard *guard)
{
	__asm__ volatile("" : "+r"(guard) : : "memory");
	return guard;
}

#if defined(MCSAFE_GUARD_ASAN_)
void __asan_unpoison_memory_region(const volatile void *addr, size_t size);
void __asan_handle_no_return(void);
#endif

static inline int mcsafe_guard_landed_(struct mcsafe_guard *guard)
{
	(void)mcsafe_guard_armed_(guard);
#if defined(MCSAFE_GUARD_ASAN_)
	/* state[10] is the stack pointer of the fault, state[1] that of the guard; on one stack, or
	 * else they are far apart. */
	uintptr_t low = guard->state[10] - 128, size = guard->state[1] - low;

	if (size < (uintptr_t)64 << 20)
		__asan_unpoison_memory_region((const volatile void *)low, size);
	__asan_handle_no_return();
#elif defined(MCSAFE_GUARD_TSAN_)
	/* What ThreadSanitizer knows: one more jump, from here to there. */
	longjmp(*(jmp_buf *)(void *)&guard->state[16], 1);
#elif defined(MCSAFE_GUARD_MSAN_)
	/* The library may have been built without. */
	__msan_unpoison(guard, offsetof(struct mcsafe_guard, windows));
#endif
	return 1;
}

/* clang-format off */
#if defined(MCSAFE_GUARD_TSAN_)
# define MCSAFE_GUARD_ENTER_(guard, entered)                       \
	((void)(entered),                                          \
	 setjmp(*(jmp_buf *)(void *)&(guard)->state[16]) != 0 ? 1  \
	 : mcsafe_guard_enter(guard) != 0 ? mcsafe_guard_landed_(guard) : 0)
#else
# define MCSAFE_GUARD_ENTER_(guard, entered) \
	(mcsafe_guard_enter(entered) != 0 ? mcsafe_guard_landed_(guard) : 0)
#endif
/* clang-format on */

#define MCSAFE_GUARD_JOIN_(a, b) a##b
#define MCSAFE_GUARD_NAME_(line) MCSAFE_GUARD_JOIN_(mcsafe_guard_of_line_, line)

/* clang-format off */
#define MCSAFE_GUARD_TRY_(guard, entered)                             \
	if (MCSAFE_GUARD_ENTER_(guard, entered) == 0) {               \
		struct mcsafe_guard *MCSAFE_GUARD_NAME_(__LINE__)     \
			__attribute__((cleanup(mcsafe_guard_leave_), unused)) = \
				mcsafe_guard_armed_(guard);

/**
 * MCSAFE_TRY(guard, base, len) { body } MCSAFE_CATCH(guard) { after a fault }
 *
 * Run the body, and leave it for the part after MCSAFE_CATCH() if it faults inside the window.
 * Together they are one statement, as if and else are. The guard is disarmed whichever way the
 * body is left: at its end, by return, goto, break or continue (of a loop around it), by an
 * exception in C++; and it is disarmed in the second part.
 *
 * guard, a pointer to a struct mcsafe_guard, may be evaluated more than once. base and len may be
 * MCSAFE_ANYWHERE.
 */
#define MCSAFE_TRY(guard, ...) \
	MCSAFE_GUARD_TRY_(guard, mcsafe_guard_one_((guard), __VA_ARGS__))

/**
 * MCSAFE_TRY_WINDOWS(guard, windows, n_windows) { body } MCSAFE_CATCH(guard) { after a fault }
 *
 * The same with a list of windows, which must stay as long as the guard is armed.
 */
#define MCSAFE_TRY_WINDOWS(guard, windows, n_windows) \
	MCSAFE_GUARD_TRY_(guard, mcsafe_guard_list_((guard), (windows), (n_windows)))

/** The second part. guard must be that of MCSAFE_TRY(). */
#define MCSAFE_CATCH(guard)                   \
		(void)sizeof((guard)->fault); \
	} else

/** What was stored before this in memory that others may see is there if what follows faults. */
#define MCSAFE_GUARD_BARRIER() __asm__ volatile("" : : : "memory")

/** The same pointer, but to the compiler one of which it knows nothing. */
#define MCSAFE_GUARD_OPAQUE(pointer)                                      \
	(__extension__({                                                  \
		__typeof__((pointer) + 0) mcsafe_opaque_ = (pointer);     \
		__asm__ volatile("" : "+r"(mcsafe_opaque_) : : "memory"); \
		mcsafe_opaque_;                                           \
	}))
/* clang-format on */

MCSAFE_END_DECLS

#endif /* MCSAFE_GUARD_H */
