/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inject.h - make memory and copies fail on purpose, to test what a program does then
 *
 * A component of its own: link mcsafe::inject (-lmcsafe-inject), before libmcsafe. Three ways, from
 * the outside to the inside; none needs hardware or root:
 *
 *	mcsafe_inject()            a range of memory goes bad: every access to it faults
 *	mcsafe_inject_schedule()   the Nth copy of the process fails, wherever it is
 *	mcsafe_inject_src(), _dst()   byte-exact, for the tests of libmcsafe itself (MCSAFE_DEBUG)
 *
 * The kinds of bad memory, and what an access to it raises:
 *
 *   kind       signal   si_code         si_addr   extent   needs
 *   HWPOISON   SIGBUS   BUS_MCEERR_AR   exact     page     CAP_SYS_ADMIN, CONFIG_MEMORY_FAILURE
 *   POISON     SIGBUS   BUS_MCEERR_AR   exact     page     Linux 6.6, userfaultfd(2)
 *              ... on a kernel without CONFIG_MEMORY_FAILURE:
 *              SIGBUS   BUS_ADRERR      exact     0
 *   GUARD      SIGSEGV  SEGV_MAPERR     exact     0        Linux 6.13
 *   PROTECT    SIGSEGV  SEGV_ACCERR     exact     0        -
 *   EOF        SIGBUS   BUS_ADRERR      exact     0        Linux 5.13
 *
 * exact: the first byte of the access that is bad. page: 4096, or the size of the huge page in a
 * hugetlb mapping (for HWPOISON the whole huge page is lost, though only 4096 bytes are bad).
 * A read-only mapping keeps its protection: a store to it raises SEGV_ACCERR under every kind.
 *
 *   memory                            HWPOISON   POISON   GUARD   PROTECT   EOF
 *   private, shared, tmpfs, memfd     yes        yes      yes     yes       yes
 *   file, private or shared           yes        yes      yes     yes       yes
 *   transparent huge pages            yes        yes      yes     yes       yes   (split)
 *   hugetlb                           yes        yes      no      yes       no
 *   device memory (VM_PFNMAP)         no         no       no      yes       no
 *
 * What becomes of the content, and what mcsafe_inject_clear() gives back:
 *
 *   POISON, GUARD, EOF   The memory is moved aside as it is and bad memory put in its place, so
 *                        nothing is lost: clear moves it back. Stores that went through another
 *                        mapping of a shared object meanwhile are there too. A private hugetlb
 *                        mapping cannot be moved: its bytes are copied, and copied back.
 *   PROTECT              The memory stays where it is, and becomes accessible again.
 *   HWPOISON             The page is really lost, for every process that maps it, and the kernel
 *                        takes 4 KiB of RAM out of service until the next boot. clear gives:
 *                          private memory                  zeros (of a file: the file's bytes)
 *                          shared memory, tmpfs, memfd     zeros
 *                          hugetlb                         zeros, in a fresh huge page
 *                          a file on a disk                what the disk holds: before it is
 *                                                          poisoned the page is made dirty, or
 *                                                          the kernel would read it back without
 *                                                          any fault; fsync(2) says EIO once
 *
 * Only the mapping at the address fails, but for HWPOISON. read(2) of the file, other mappings of
 * it and other processes see good data; system calls that are given bad memory return EFAULT (or
 * a short count). EOF does not shorten the file: fstat(2) gives its size as before. A program that
 * asks for the size after a fault is tested with ftruncate(2), which needs no injector.
 */
#ifndef MCSAFE_INJECT_H
#define MCSAFE_INJECT_H

#include <stddef.h>

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/** How memory is made bad; the tables above. */
enum mcsafe_inject_kind {
	MCSAFE_INJECT_NONE = 0,     /**< nothing is injected; no argument of mcsafe_inject() */
	MCSAFE_INJECT_HWPOISON = 1, /**< madvise(2) with MADV_HWPOISON: real poison */
	MCSAFE_INJECT_POISON = 2,   /**< userfaultfd(2) with UFFDIO_POISON: simulated poison */
	MCSAFE_INJECT_GUARD = 3,    /**< madvise(2) with MADV_GUARD_INSTALL: a hole */
	MCSAFE_INJECT_PROTECT = 4,  /**< mprotect(2) with PROT_NONE */
	MCSAFE_INJECT_EOF = 5,      /**< a mapping that reaches beyond the end of its file */
	MCSAFE_INJECT_AUTO = 6      /**< the first of POISON, GUARD, PROTECT that works here */
};

/**
 * Make memory fail: until it is cleared, every access to it raises a signal.
 *
 * @param addr   Start of the range: a multiple of the page size, 4096, or of the huge page's in a
 *               hugetlb mapping.
 * @param len    Its length in bytes: a multiple of the same, not 0. The range may span several
 *               mappings; all of it must be mapped, and none of it injected already.
 * @param kind   How. AUTO takes for each mapping in the range the first of POISON, GUARD and
 *               PROTECT that works; mcsafe_inject_kind_at() says which. It never takes HWPOISON,
 *               which costs the machine memory and is to be asked for by name, nor EOF.
 *
 * @return 0            all of the range is bad.
 *         -EINVAL      addr is NULL; addr or len is not aligned, len is 0, the range wraps around
 *                      the end of the address space, or kind is none of the kinds.
 *         -ENOMEM      part of the range is not mapped; or the kernel has no memory, or no
 *                      room for another mapping (vm.max_map_count).
 *         -EBUSY       part of the range is injected already; or watched by a userfaultfd(2) of
 *                      the program (POISON of a private hugetlb mapping only).
 *         -EOPNOTSUPP  this kernel, or this type of memory, does not have the kind.
 *         -EPERM       not allowed: HWPOISON without CAP_SYS_ADMIN, or a seccomp(2) filter.
 *         -ENODATA     HWPOISON: the kernel repaired the page from the file: nothing fails.
 *         -errno       of a system call, otherwise.
 *         On failure nothing is injected, with one exception: pages that HWPOISON has taken
 *         before the one that failed are lost, and remain injected until they are cleared.
 *         mcsafe_inject_reason() says in words what went wrong.
 *
 * @par Until clear  the range must stay mapped as it is: no munmap(2), mremap(2), mprotect(2) or
 *                   madvise(2) on it. While a call injects or clears, other threads may access
 *                   the range: they get the old content or a fault, and no store is lost; but for
 *                   a private hugetlb mapping, which they must leave alone.
 * @par fork         A child inherits what is injected, and clears it for itself. HWPOISON is one
 *                   page for both. Not to be called while another thread forks.
 * @par Resources    No file descriptor stays open. Each piece of a mapping takes some bytes of
 *                   the heap and one mapping more until it is cleared. A hugetlb mapping stays
 *                   split where the range begins and ends: the kernel does not merge those.
 * @par Safety       MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_inject_clear(), mcsafe_inject_supported(), mcsafe_inject(3)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject(void *addr, size_t len, enum mcsafe_inject_kind kind)
	MCSAFE_NOEXCEPT;

/**
 * Give memory back that was made to fail.
 *
 * @param addr   Start of the range, as for mcsafe_inject().
 * @param len    Its length. All that is injected within is cleared, the rest is left as it is. The
 *               range may be part of what one call has injected, or span several.
 *
 * @return 0            nothing in the range is injected any more. The table at the head of this
 *                      file says what the memory holds.
 *         -EINVAL      as for mcsafe_inject().
 *         -ENOENT      nothing in the range was injected.
 *         -ENOMEM      the kernel has no memory, no huge page or no room for a mapping; what has
 *                      not been cleared can be cleared later.
 *         -EHWPOISON   HWPOISON: the kernel keeps the bad page in the file (hugetlb, tmpfs that
 *                      is mapped read-only): punch a hole into the file, or truncate it.
 *         -errno       of a system call, otherwise.
 *
 * @par Safety   MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_inject()
 */
MCSAFE_API int mcsafe_inject_clear(void *addr, size_t len) MCSAFE_NOEXCEPT;

/**
 * Ask what is injected at an address: which kind AUTO has taken, say.
 *
 * @param addr   Any address.
 * @return       The kind, never AUTO; MCSAFE_INJECT_NONE where nothing is injected.
 *
 * @par Safety   MT-Safe. Not AS-Safe.
 * @since 0.1    @see mcsafe_inject()
 */
MCSAFE_API enum mcsafe_inject_kind mcsafe_inject_kind_at(const void *addr) MCSAFE_NOEXCEPT;

/**
 * Name a kind for a message.
 *
 * @param kind   Any value.
 * @return       A static string: "none", "hwpoison", "poison", "guard", "protect", "eof", "auto";
 *               "unknown" for values that are not listed. Never NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_inject_kind_name(enum mcsafe_inject_kind kind) MCSAFE_NOEXCEPT;

/**
 * Ask whether this process, on this kernel, can inject a kind into ordinary memory.
 *
 * Tries it on a page of its own, or as far as that goes without harm: no page is poisoned.
 *
 * @param kind   Any kind. AUTO is always supported.
 *
 * @return 0            supported (0, not 1: as for every control function).
 *         -EOPNOTSUPP  the kernel does not have it.
 *         -EPERM       the process may not use it.
 *         -EINVAL      none of the kinds.
 *         -errno       of a system call, otherwise.
 *         mcsafe_inject_reason() says in words why not.
 *
 * @par Safety   MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_inject_reason()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_supported(enum mcsafe_inject_kind kind)
	MCSAFE_NOEXCEPT;

/**
 * Say why the last function of this header that failed in this thread did.
 *
 * @return   A static string, one sentence without a full stop; "" if none has failed. Never NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_inject_reason(void) MCSAFE_NOEXCEPT;

/**
 * Send the calling thread a notice of lost memory, as if the kernel had found it by itself.
 *
 * SIGBUS with BUS_MCEERR_AO ("action optional"): what reaches mcsafe_on_notice() functions. The
 * memory is not touched; a program that then reads it finds it good, unless it is injected too.
 * Without a handler the signal kills the process, as a real one does.
 *
 * @param addr     What si_addr says, any value.
 * @param extent   Bytes lost around addr, a power of two from 4096 up: what si_addr_lsb says.
 *
 * @return 0         the signal was sent; it has been delivered on return unless it is blocked.
 *         -EINVAL   extent is not a power of two, or is less than 4096.
 *         -errno    of rt_tgsigqueueinfo(2), otherwise.
 *
 * @par Safety   MT-Safe, AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_notice(void *addr, size_t extent) MCSAFE_NOEXCEPT;

/**
 * Make the Nth protected copy of this process fail, so that a test suite can walk through all the
 * error paths of a program.
 *
 * A copy that fails does its first part, then loads from a really bad page: it returns what a
 * copy returns that met poison in the middle of its operand, with the fault record of that signal,
 * the address being that of the caller's byte. The caller's memory is good and stays good; only
 * this copy fails. Without mcsafe_install() the process dies of it, as it would of a real fault.
 *
 * Copies are calls of memcpy_mcsafe(), mcsafe_memcpy(), mcsafe_memcpy_flushcache() and
 * mcsafe_memset() with n > 0, counted over all threads, and what other functions of libmcsafe do
 * by calling them (an iterator's copy counts once for each segment). mcsafe_memset() fails at its
 * destination, the others at their source. Accesses by rows of your own (extable.h) are not
 * intercepted: make their memory fail, with mcsafe_inject().
 *
 * @param spec   "copy:N"     the Nth copy from now on fails, N >= 1
 *               "copy:N+"    the Nth and all that follow fail
 *               either may end in "@OFFSET": the offset of the first bad byte in the operand, by
 *               default half of n; for a shorter copy the last byte is bad.
 *               NULL: no copy fails any more.
 *               Every call sets both counters to 0.
 *
 * @return 0            set.
 *         -EINVAL      not such a string; mcsafe_inject_reason() says what is accepted. The
 *                      schedule before remains.
 *         -EOPNOTSUPP  the copies of this program do not go through the injector: libmcsafe was
 *                      linked before libmcsafe-inject, or is linked statically without the
 *                      options below.
 *         -errno       of a system call, otherwise.
 *
 * @par Environment  MCSAFE_INJECT=spec does the same at start-up for a program that knows nothing
 *                   of it, with LD_PRELOAD=libmcsafe-inject.so; a bad spec ends the process
 *                   there, with a message and status 2. MCSAFE_INJECT_LOG=file gets one line
 *                   appended for each failure injected: as long as there is one, try the next N.
 * @par Linking      Shared: the functions are interposed, so libmcsafe-inject must come before
 *                   libmcsafe in the link order, or be preloaded; a copy of libmcsafe that is
 *                   linked statically into the program cannot be intercepted that way. Static:
 *                   the linker must be told, by --wrap=memcpy_mcsafe --wrap=mcsafe_memcpy
 *                   --wrap=mcsafe_memcpy_flushcache --wrap=mcsafe_memset (mcsafe::inject_static
 *                   does).
 * @par fork         A child goes on counting from where the parent was.
 * @par Safety       MT-Safe; a copy that runs meanwhile may obey either schedule. Not AS-Safe. The
 *                   copies stay AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_inject_copies(), mcsafe_inject_failures()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_schedule(const char *spec) MCSAFE_NOEXCEPT;

/**
 * Count the copies since the schedule was set.
 *
 * @return   Protected copies, failed or not; 0 when nothing is intercepted.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_schedule()
 */
MCSAFE_API size_t mcsafe_inject_copies(void) MCSAFE_NOEXCEPT;

/**
 * Count the failures since the schedule was set.
 *
 * @return   Copies that the schedule made fail. 0 after a whole run: N was beyond the last copy,
 *           and every error path has been walked.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_schedule()
 */
MCSAFE_API size_t mcsafe_inject_failures(void) MCSAFE_NOEXCEPT;

/**
 * Make every protected load fail that ends above an address; NULL for none.
 *
 * Only a library that was configured with -DMCSAFE_DEBUG=ON has this function: each access of a
 * copy is then preceded by a check, and one that reaches beyond the address takes the very way
 * that a real fault would take, without a signal and without touching the memory. It is reported
 * as SIGBUS, BUS_MCEERR_AR, extent 4096, with the first byte above the address that the access
 * would have touched.
 *
 * @param addr   The first bad byte: an access fails if its last byte is at addr or above. NULL: no
 *               access fails, which is how a program begins.
 *
 * @par Exact    A copy reads up to 64 bytes of one line before it stores them. If addr lies within
 *               those, none of them is copied: the count may be up to 63 short, and is never too
 *               high. It is exact if addr is a multiple of 64, where bad memory begins.
 * @par Scope    The whole process, all threads, until the next call.
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_dst()
 */
MCSAFE_API void mcsafe_inject_src(const void *addr) MCSAFE_NOEXCEPT;

/**
 * Make every protected store fail that ends above an address; NULL for none.
 *
 * As mcsafe_inject_src(), for stores. A copy finishes a store that fails byte by byte, as after a
 * real fault, so its count is exact to the byte, and so does mcsafe_memset(), but for that of the
 * engine "word": it stores aligned words, and may be up to 7 short if addr lies within one.
 *
 * @param addr   The first bad byte, or NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_src()
 */
MCSAFE_API void mcsafe_inject_dst(const void *addr) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_INJECT_H */
