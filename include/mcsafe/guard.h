/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard.h - let ordinary code access memory that can fail
 *
 * A parser, a checksum or a function of another library reads mapped memory with its own
 * instructions. A guard lets the program leave such code when it faults on the memory that the
 * guard names:
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
 * A fault jumps from the instruction that failed to MCSAFE_CATCH(), as siglongjmp(3) would. The
 * code in between is abandoned: locks stay locked, memory stays allocated, and data that was being
 * changed stays half changed. Therefore these rules hold for the body and for all that it calls:
 *
 *   - Do not take locks, allocate memory, use stdio, or call other code that keeps a state of its
 *     own, unless that state does not matter after a fault. Reading memory and storing to your own
 *     variables is safe. Only accesses to the guarded memory can fault: other code runs to its end.
 *   - Frames of C++ with destructors, or of Rust, Go, Java or another runtime, must not lie between
 *     the guard and the fault, because they are not unwound. mcsafe_guard_check() reports a jump
 *     over such frames.
 *   - A local variable of the function that arms the guard must be volatile if it is changed in the
 *     body and read after a fault, as with setjmp(3). Instead, the variable can be declared in the
 *     function that mcsafe_call() runs, or be accessed through a pointer. The rule also applies to
 *     an inner guard: if the MCSAFE_CATCH() of an outer guard reads the inner guard's record,
 *     declare the inner guard static or in the calling function. A store through a pointer is
 *     certain to be visible after a fault only if MCSAFE_GUARD_BARRIER() came between the store and
 *     the fault.
 *   - The compiler may move a load through a "restrict" pointer out of the body, because it may
 *     assume that the functions of this library do not change the memory. Use
 *     MCSAFE_GUARD_OPAQUE() in the body to get a pointer about which the compiler knows nothing.
 *   - Do not leave the body by siglongjmp(3) or, in C, by a C++ exception: the guard would stay
 *     armed. You may leave it by return, break, continue and goto, and in C++ by an exception.
 *   - Code that goes on on another stack (swapcontext(3), a fibre or coroutine) saves the guards of
 *     the stack that it leaves with mcsafe_guard_chain_save(), and restores those of the stack that
 *     it enters.
 *   - A signal handler that runs during the body counts as part of it. If the handler faults on the
 *     guarded memory outside guards of its own, the jump leaves the handler. Signals that were
 *     blocked for the handler then stay blocked.
 *
 * The guard leaves libmcsafe's signal handler by a normal return. Therefore MCSAFE_CATCH() sees the
 * signal mask, the alternate stack, errno, and the floating-point settings (MXCSR, x87 control
 * word) that the faulting instruction had. A body that changes any of these must restore them after
 * a fault. The fault's signal does not stay blocked. The callee-saved registers have the values
 * that they had when the guard was armed. The x87 stack is empty, the direction flag is clear, and
 * the upper vector halves are zero.
 *
 * A guard belongs to the thread that armed it. Guards nest. A child of fork(2) has the guards of
 * the thread that called fork(2). When a thread ends, its guards end with it. pthread_exit(3)
 * leaves the frames that hold the guards. After that the thread must not access the guarded memory,
 * for example in destructors of pthread_key_create(3).
 *
 * A guard that was left armed catches nothing once its frame is gone: once the stack pointer is
 * above the frame, or a guard was armed above it, or the guard's memory was overwritten. Guards
 * around an overwritten one may be lost with it. That is so for a guard of a child of vfork(2),
 * which shares the chain of guards with its parent, and ended by _exit(2) or execve(2) in the body.
 * Until then, in functions that the parent calls at the same depth, such a guard would still catch.
 * So a child of vfork(2) must leave its bodies before it ends, or the parent must call
 * mcsafe_guard_chain_save() before vfork(2) and mcsafe_guard_chain_restore() after it.
 *
 * The handler must be installed: call mcsafe_install() first, or call mcsafe_handle_signal() in a
 * handler of your own.
 */
#ifndef MCSAFE_GUARD_H
#define MCSAFE_GUARD_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <stdint.h>

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

/* For ThreadSanitizer, a guard also holds a jmp_buf. */
#ifdef MCSAFE_GUARD_TSAN_
# include <setjmp.h>
# define MCSAFE_GUARD_WORDS_ (16 + sizeof(jmp_buf) / (sizeof(uintptr_t)))
#else
# define MCSAFE_GUARD_WORDS_ 16
#endif

MCSAFE_BEGIN_DECLS

/**
 * Memory on which guarded code may fault.
 *
 * Memory is lost and protected in pages of 4096 bytes, and so a window stands for all pages that
 * hold a byte of [base, base + len). A window can name exactly a string, although strlen(3) loads
 * aligned vectors, and the first byte that faults may lie before the string, in the same page.
 *
 * A fault is inside a window in these cases:
 *   - The kernel reported an exact address in a page of the window: SIGSEGV with SEGV_MAPERR,
 *     SEGV_ACCERR or SEGV_PKUERR, or SIGBUS with BUS_ADRERR or BUS_OBJERR. The address is that of
 *     the first byte that faults, so an access that begins in the page before can be inside.
 *   - The memory was poisoned (BUS_MCEERR_AR), and si_addr is in a page of the window.
 *   - The memory was poisoned, si_addr is the start of a page, and the lost block overlaps the
 *     window. The kernel reports the start of the page when poison is consumed for the first time.
 *     The lost block is the aligned block of 1 << si_addr_lsb bytes, at least a page, that holds
 *     si_addr. Poison in one 2 MiB page is therefore never inside a window in the next page.
 *   - The window is MCSAFE_ANYWHERE. Only this window catches a fault for which the kernel reports
 *     no address: a non-canonical address (SI_KERNEL), or any other cause.
 * A misaligned access (BUS_ADRALN) is never inside a window, since no memory was lost.
 * If a page is mapped twice, the fault may be reported at its other address. Name both addresses.
 */
struct mcsafe_window {
	const void *base;
	size_t len; /**< bytes; 0: no window; a window that would wrap around ends at
	             the end of memory */
};

/** As base and length of a window: every fault of the thread is inside. */
#define MCSAFE_ANYWHERE NULL, SIZE_MAX

/**
 * A guard. The caller owns its memory, which must stay valid while the guard is armed. It need not
 * be initialized. The first three members are written only by a fault that this guard catches. The
 * other members belong to the library.
 */
struct mcsafe_guard {
	/** What was caught. addr is si_addr, NULL if the kernel reported none. side is SOURCE for a
	 *  load, DESTINATION for a store, NONE if the processor did not report which. */
	struct mcsafe_fault fault;
	/** Index in the list, from 0: the first window that holds a lost byte; if there is none,
	 *  the first one that shares a page with the fault. */
	size_t window;
	/** Offset in that window of its first byte that is lost, less than len: that of si_addr; 0
	 *  if the loss begins before the window; the start of the last page, or 0, if si_addr is
	 *  past the end. */
	size_t offset;
	const struct mcsafe_window *windows;
	size_t n_windows;
	struct mcsafe_window own;
	struct mcsafe_guard *outer;
	uintptr_t state[MCSAFE_GUARD_WORDS_];
};

/**
 * Arm a guard; return a second time if it catches a fault. MCSAFE_TRY() is built on this function.
 *
 * For authors of their own macros. Set guard->windows and guard->n_windows first. The function may
 * be called only where setjmp(3) may be called. The calling function must not return before the
 * guard is disarmed.
 *
 * @param[in,out] guard  Not armed; not NULL.
 *
 * @return 0             The guard is armed. It is now the innermost guard of the thread.
 *         1             A fault was inside one of its windows; guard->fault says what it was. The
 *                       guard, and all guards that were armed after it, are disarmed.
 *
 * @par Fault            A fault goes to the innermost guard that has a window for it. Guards inside
 *                       that guard are disarmed too. If no guard has a window for the fault, it
 *                       goes to the previous handler (mcsafe_install()). A fault after the second
 *                       return, in MCSAFE_CATCH(), is treated in the same way: this guard is no
 *                       longer armed.
 * @par Signals          A guard catches only faults of the thread itself: never BUS_MCEERR_AO, and
 *                       never a signal that was sent (si_code <= 0).
 * @par Rows             An access that has a landing of its own, such as one of memcpy_mcsafe(),
 *                       lands there and not at the guard.
 * @par Safety           MT-Safe, AS-Safe
 * @par Cost             About 25 instructions; no system call. To disarm the guard at the end of
 *                       MCSAFE_TRY() takes about 6 more.
 * @since 0.1            @see mcsafe_guard_disarm(), mcsafe_call()
 */
MCSAFE_API int mcsafe_guard_enter(struct mcsafe_guard *guard) MCSAFE_NOEXCEPT MCSAFE_RETURNS_TWICE;

/**
 * Disarm a guard that mcsafe_guard_enter() armed, and all guards that were armed after it.
 *
 * MCSAFE_TRY() does the same, whichever way the body is left. It calls this function only if the
 * guard is not the innermost one.
 *
 * @param[in,out] guard  The guard. If it is not armed, nothing is done.
 *
 * @par Safety           MT-Safe, AS-Safe
 * @since 0.1            @see mcsafe_guard_enter()
 */
MCSAFE_API void mcsafe_guard_disarm(struct mcsafe_guard *guard) MCSAFE_NOEXCEPT;

/** The guards that are armed on one stack. { NULL, NULL } holds none. */
struct mcsafe_guard_chain {
	struct mcsafe_guard *top;
	void *reserved;
};

/**
 * Take the armed guards off the calling thread, because it is about to run on another stack.
 *
 * For libraries of fibres and coroutines. Each fibre has a chain. To switch from one fibre to
 * another:
 *
 *	mcsafe_guard_chain_save(&from->guards);
 *	swapcontext(&from->context, &to->context);
 *	mcsafe_guard_chain_restore(&from->guards);
 *
 * The last line runs when somebody switches back, in the same thread or in another one. A new fibre
 * begins without guards. A guard catches faults only while the chain that holds it is that of the
 * running thread: a fault in one fibre never jumps to a guard of another. A fibre must leave its
 * bodies before its stack is freed.
 *
 * All guards of one chain must lie on one stack, and on the alternate stack of a signal handler
 * that interrupted it. A guard on a third stack may count as one whose frame is gone, and then
 * catches nothing. An alternate stack with SS_AUTODISARM counts as such a third stack in the
 * handler that runs on it.
 *
 * The pair also keeps a child of vfork(2) from leaving guards to its parent: save before vfork(2),
 * restore in the parent after it.
 *
 * @param[out] chain  Receives the guards. The thread has none then.
 *
 * @par Safety        MT-Safe, AS-Safe
 * @par Cost          A few instructions; no system call.
 * @since 0.1         @see mcsafe_guard_chain_restore()
 */
MCSAFE_API void mcsafe_guard_chain_save(struct mcsafe_guard_chain *chain) MCSAFE_NOEXCEPT;

/**
 * Give the calling thread the guards that mcsafe_guard_chain_save() took off, on this thread or on
 * another.
 *
 * @param[in] chain  The guards. They take the place of those that the thread has, which are
 *                   forgotten. A chain must not be restored in two threads.
 *
 * @par Safety       MT-Safe, AS-Safe
 * @par Cost         A few instructions for each guard of the chain; no system call.
 * @since 0.1        @see mcsafe_guard_chain_save()
 */
MCSAFE_API void mcsafe_guard_chain_restore(const struct mcsafe_guard_chain *chain) MCSAFE_NOEXCEPT;

/**
 * Call a function that may fault on a window.
 *
 * For C code whose variables should not be subject to the rules of setjmp(3). fn and all that it
 * calls must be C code, or code without cleanup, that obeys the rules at the top of this file. No
 * exception may leave fn.
 *
 * fn must not be a function of another language, such as a callback that ctypes of Python, cgo of
 * Go or JNI of Java has made. A fault would jump over the interpreter or runtime, which keeps a
 * lock and a state: Python would wait forever for its own lock (the GIL). Programs in such
 * languages write fn in C, in a shared object of their own, and call a C function of it that calls
 * mcsafe_call(); or they copy with mcsafe_memcpy(), which is an ordinary function to them, and
 * work on the copy.
 *
 * @param[in]  base   Start of the window. MCSAFE_ANYWHERE can take the place of base and len.
 * @param      len    Length of the window in bytes; 0: no fault is caught.
 * @param      fn     Called as fn(arg), in this thread, before mcsafe_call() returns.
 * @param      arg    Passed to fn.
 * @param[out] fault  Receives what the fault was; may be NULL. Written only if a fault was caught.
 *
 * @return 0          fn returned.
 *         -EHWPOISON, -EIO, -EFAULT
 *                    fn was left at a fault inside the window. The value is
 *                    -mcsafe_fault_errno(fault).
 *
 * @par Safety        MT-Safe, AS-Safe
 * @since 0.1         @see mcsafe_call_windows(), MCSAFE_TRY()
 */
MCSAFE_API int mcsafe_call(const void *base, size_t len, void (*fn)(void *), void *arg,
			   struct mcsafe_fault *fault);

/**
 * Call a function that may fault on any of several windows.
 *
 * @param[in]     windows    The list of windows, which is read when a fault happens. The first
 *                           window that the fault is inside counts.
 * @param         n_windows  The number of windows; 0: no fault is caught.
 * @param         fn         As for mcsafe_call().
 * @param         arg        As for mcsafe_call().
 * @param[in,out] guard      A guard that is not armed; may be NULL. After a fault, it says what the
 *                           fault was, and where.
 *
 * @return 0                 fn returned.
 *         -EHWPOISON, -EIO, -EFAULT
 *                           fn was left at a fault. The value is
 *                           -mcsafe_fault_errno(&guard->fault).
 *
 * @par Safety               MT-Safe, AS-Safe
 * @since 0.1                @see mcsafe_call()
 */
MCSAFE_API int mcsafe_call_windows(const struct mcsafe_window *windows, size_t n_windows,
				   void (*fn)(void *), void *arg, struct mcsafe_guard *guard);

/**
 * Report each jump that skips frames which should have been unwound. For tests and debugging.
 *
 * A jump is reported, and then continues, if one of these frames lies between the fault and the
 * function that armed the guard:
 *   - a frame in which an exception would run code: destructors or catch blocks of C++, the same in
 *     another language, or __attribute__((cleanup)) in C that was compiled with -fexceptions;
 *   - a frame without unwind information, such as one of a just-in-time compiler;
 *   - a frame of a signal handler.
 * One line names the jump. One more line for each such frame says what is wrong with it.
 *
 * The check reads the compiler's exception tables, so it is not exact. False positive: a frame
 * whose function has cleanup code, but not at the place where the frame is left. False negatives: a
 * frame from which the compiler knew that nothing can throw, and a frame that was inlined into the
 * function that armed the guard.
 *
 * @param fd        The file descriptor to write to; -1: no reports, which is the initial state. The
 *                  library keeps a duplicate; what mcsafe_set_report() says of its duplicate holds
 *                  for this one.
 *
 * @return          0        Done.
 *                  -ENOSYS  The library was built without libunwind.
 *                  -EBADF   fd is not open for writing.
 *                  -ENOMEM, -EMFILE, ...  There is no memory, or no descriptor for the duplicate.
 *                           Nothing was changed.
 *
 * @par Cost        Each jump creates a child process that walks the stack, and waits for it for at
 *                  most two seconds. The child does what would be unsafe in the signal handler.
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1       @see MCSAFE_TRY()
 */
MCSAFE_API int mcsafe_guard_check(int fd) MCSAFE_NOEXCEPT;

/*
 * The parts of the macros.
 *
 * AddressSanitizer marks the frames of functions on the stack, and ThreadSanitizer keeps a stack of
 * its own. Both must be told which frames a jump has skipped. If the program uses mcsafe_call(),
 * the library itself should be built with the same sanitizer.
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

/*
 * Disarms the guard as mcsafe_guard_disarm() does, but without a call if it is the innermost one.
 * state[11] is the address of the pointer to the thread's innermost guard, and state[9] is not 0
 * while the guard is armed. The barriers keep the accesses of the body inside the body.
 * MemorySanitizer did not see mcsafe_guard_enter() write these words.
 */
static inline __attribute__((always_inline)) void mcsafe_guard_leave_(struct mcsafe_guard **armed)
{
#if defined(MCSAFE_GUARD_MSAN_)
	mcsafe_guard_disarm(*armed);
#else
	struct mcsafe_guard *guard = *armed;
	struct mcsafe_guard *volatile *top;

	__asm__ volatile("" : "+r"(guard) : : "memory");
	top = (struct mcsafe_guard *volatile *)guard->state[11];
	if (__builtin_expect(*top == guard, 1)) {
		*top = guard->outer;
		__asm__ volatile("" : : : "memory");
		guard->state[9] = 0;
	} else {
		mcsafe_guard_disarm(guard);
	}
	__asm__ volatile("" : : : "memory");
#endif
}

/*
 * Runs at the start of the body, and at the start of the code after a fault. If both began with the
 * same load, a compiler could do it once, before the branch between them, and so repeat it after
 * the fault. The "memory" clobber makes the two loads different.
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
	/* state[10] is the stack pointer at the fault, state[1] that of the guard. If they are far
	 * apart, they belong to different stacks, and there is nothing to unpoison. */
	uintptr_t low = guard->state[10] - 128, size = guard->state[1] - low;

	if (size < (uintptr_t)64 << 20)
		__asan_unpoison_memory_region((const volatile void *)low, size);
	__asan_handle_no_return();
#elif defined(MCSAFE_GUARD_TSAN_)
	/* ThreadSanitizer follows longjmp(), so make one more jump to the same place. */
	longjmp(*(jmp_buf *)(void *)&guard->state[16], 1);
#elif defined(MCSAFE_GUARD_MSAN_)
	/* The library may have been built without MemorySanitizer. */
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
 * Run the body. If it faults inside the window, leave it and run the block after MCSAFE_CATCH().
 * Together they are one statement, like if and else. The guard is disarmed whichever way the body
 * is left: at its end; by return or goto; by break or continue of an enclosing loop; in C++ by an
 * exception. It is also disarmed in the block after MCSAFE_CATCH().
 *
 * guard is a pointer to a struct mcsafe_guard, and may be evaluated more than once.
 * MCSAFE_ANYWHERE can take the place of base and len.
 */
#define MCSAFE_TRY(guard, ...) \
	MCSAFE_GUARD_TRY_(guard, mcsafe_guard_one_((guard), __VA_ARGS__))

/**
 * MCSAFE_TRY_WINDOWS(guard, windows, n_windows) { body } MCSAFE_CATCH(guard) { after a fault }
 *
 * Like MCSAFE_TRY() with a list of windows, which must stay valid while the guard is armed.
 */
#define MCSAFE_TRY_WINDOWS(guard, windows, n_windows) \
	MCSAFE_GUARD_TRY_(guard, mcsafe_guard_list_((guard), (windows), (n_windows)))

/** The second part of MCSAFE_TRY(). guard must be the one given to MCSAFE_TRY(). */
#define MCSAFE_CATCH(guard)                   \
		(void)sizeof((guard)->fault); \
	} else

/** Stores to shared memory before this barrier are visible if code after the barrier faults. */
#define MCSAFE_GUARD_BARRIER() __asm__ volatile("" : : : "memory")

/** The value of pointer. The compiler knows nothing about where the result points. */
#define MCSAFE_GUARD_OPAQUE(pointer)                                      \
	(__extension__({                                                  \
		__typeof__((pointer) + 0) mcsafe_opaque_ = (pointer);     \
		__asm__ volatile("" : "+r"(mcsafe_opaque_) : : "memory"); \
		mcsafe_opaque_;                                           \
	}))
/* clang-format on */

MCSAFE_END_DECLS

#endif /* MCSAFE_GUARD_H */
