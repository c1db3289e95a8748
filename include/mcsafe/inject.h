/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inject.h - make memory and copies fail on purpose, to test how a program handles faults
 *
 * The injector is a library of its own: link mcsafe::inject (-lmcsafe-inject) before libmcsafe.
 * There are three ways to inject faults. None needs special hardware, and only HWPOISON needs
 * privilege:
 *
 *	mcsafe_inject()            makes a range of memory bad: every access to it faults
 *	mcsafe_inject_schedule()   makes the Nth copy of the process fail, wherever it is called
 *	mcsafe_inject_src()        makes loads fail from an exact byte on, and mcsafe_inject_dst()
 *	                           stores; for the tests of libmcsafe itself (MCSAFE_DEBUG)
 *
 * The kinds of bad memory, and the signal that an access raises:
 *
 *   kind       signal   si_code         si_addr   extent   needs
 *   HWPOISON   SIGBUS   BUS_MCEERR_AR   exact     page     CAP_SYS_ADMIN, CONFIG_MEMORY_FAILURE
 *   POISON     SIGBUS   BUS_MCEERR_AR   exact     page     Linux 6.6, userfaultfd(2)
 *              on a kernel without CONFIG_MEMORY_FAILURE:
 *              SIGBUS   BUS_ADRERR      exact     0
 *   GUARD      SIGSEGV  SEGV_MAPERR     exact     0        Linux 6.13
 *   PROTECT    SIGSEGV  SEGV_ACCERR     exact     0        -
 *   EOF        SIGBUS   BUS_ADRERR      exact     0        Linux 5.13
 *
 * "exact" means the first bad byte of the access. "page" means 4096, or the huge page size in a
 * hugetlb mapping. (HWPOISON of a hugetlb page loses the whole huge page, though only 4096 bytes
 * of it are bad.) A read-only mapping stays read-only: a store to it raises SEGV_ACCERR with every
 * kind.
 *
 *   memory                            HWPOISON   POISON   GUARD   PROTECT   EOF
 *   private, shared, tmpfs, memfd     yes        yes      yes     yes       yes
 *   file, private or shared           yes        yes      yes     yes       yes
 *   transparent huge pages            yes        yes      yes     yes       yes   (are split)
 *   hugetlb                           yes        yes      no      yes       no
 *   device memory (VM_PFNMAP)         no         no       no      yes       no
 *
 * What happens to the content of the memory:
 *
 *   POISON, GUARD, EOF   The memory is moved aside unchanged, and bad memory is mapped in its
 *                        place. mcsafe_inject_clear() moves the memory back, so nothing is lost.
 *                        Stores that were made through another mapping of a shared object are kept
 *                        too. A private hugetlb mapping cannot be moved: its bytes are copied, and
 *                        copied back. The memory keeps its attributes (mlock(2), madvise(2),
 *                        protection keys, name, policy). Meanwhile the bad memory has MADV_DONTFORK
 *                        and MADV_DONTDUMP if the memory has them, and no other attribute.
 *   PROTECT              The memory stays where it is. mcsafe_inject_clear() makes it accessible
 *                        again.
 *   HWPOISON             The page is really lost, for every process that maps it. The kernel does
 *                        not use these 4 KiB of RAM again before the next boot. After
 *                        mcsafe_inject_clear() the memory holds:
 *                          private memory                  zeros (of a file: the file's bytes)
 *                          shared memory, tmpfs, memfd     zeros
 *                          hugetlb                         zeros, in a fresh huge page
 *                          a file on a disk                the content of the disk. The page is
 *                                                          made dirty before it is poisoned:
 *                                                          otherwise the kernel would read it
 *                                                          again from the disk, without a fault.
 *                                                          If it is part of a large folio, that
 *                                                          is written to the disk before.
 *                                                          fsync(2) reports EIO once
 *
 * Except with HWPOISON, only the mapping at the address fails: read(2) of the file, other mappings
 * of it and other processes see good data. A system call that gets bad memory returns EFAULT or a
 * short count. EOF does not shorten the file: fstat(2) reports the same size as before. To test a
 * program that asks for the size after a fault, use ftruncate(2), which needs no injector.
 */
#ifndef MCSAFE_INJECT_H
#define MCSAFE_INJECT_H

#include <mcsafe/compiler.h>

#include <stddef.h>

MCSAFE_BEGIN_DECLS

/** The kinds of bad memory; see the tables above. */
enum mcsafe_inject_kind {
	MCSAFE_INJECT_NONE = 0,     /**< nothing is injected; not allowed for mcsafe_inject() */
	MCSAFE_INJECT_HWPOISON = 1, /**< real poison, by madvise(2) with MADV_HWPOISON */
	MCSAFE_INJECT_POISON = 2,   /**< simulated poison, by userfaultfd(2) with UFFDIO_POISON */
	MCSAFE_INJECT_GUARD = 3,    /**< a hole, by madvise(2) with MADV_GUARD_INSTALL */
	MCSAFE_INJECT_PROTECT = 4,  /**< no access, by mprotect(2) with PROT_NONE */
	MCSAFE_INJECT_EOF = 5,      /**< a mapping past the end of its file */
	MCSAFE_INJECT_AUTO = 6      /**< the first of POISON, GUARD, PROTECT that works here */
};

/**
 * Make memory bad: until it is cleared, every access to it raises a signal.
 *
 * @param addr   Start of the range: a multiple of the page size (4096, or the huge page size in a
 *               hugetlb mapping). Not NULL.
 * @param len    Length of the range in bytes: a multiple of the same size, not 0. The range may
 *               span several mappings. All of it must be mapped, and no part of it may be injected
 *               already.
 * @param kind   The kind of bad memory. MCSAFE_INJECT_AUTO uses, for each mapping in the range, the
 *               first of POISON, GUARD and PROTECT that works; mcsafe_inject_kind_at() returns
 *               which. AUTO never uses HWPOISON, which takes memory away from the machine, nor
 *               EOF.
 *
 * @return 0            All of the range is bad.
 *         -EINVAL      addr is NULL; addr or len is not aligned; len is 0; the range wraps around
 *                      the end of the address space; or kind is not a kind that can be injected.
 *         -ENOMEM      A part of the range is not mapped; or the kernel is out of memory, or allows
 *                      no further mapping (vm.max_map_count).
 *         -EBUSY       A part of the range is injected already; or a userfaultfd(2) of the program
 *                      watches it (POISON, GUARD and EOF, which would end that; PROTECT does not).
 *         -EOPNOTSUPP  This kernel, or this type of memory, does not support the kind.
 *         -EPERM       HWPOISON without CAP_SYS_ADMIN, or forbidden by a seccomp(2) filter.
 *         -ENODATA     HWPOISON: the kernel repaired the page from the file, so nothing fails.
 *         -EHWPOISON   HWPOISON: the kernel could not take the page out of a large folio of its
 *                      file. It can still be read, but the kernel takes it for bad.
 *         -errno       Other errors of system calls.
 *         After a failure nothing is injected, with one exception: pages that HWPOISON took before
 *         the page that failed are lost, and stay injected until they are cleared.
 *         mcsafe_inject_reason() describes the failure in words.
 *
 * @par Until clear  The range must stay mapped as it is: do not call munmap(2), mremap(2),
 *                   mprotect(2) or madvise(2) for it. While a call injects or clears, other threads
 *                   may access the range: they see the old content or get a fault, and no store is
 *                   lost. Exception: they must not access a private hugetlb mapping meanwhile.
 * @par fork         A child inherits the injected memory, and clears it for itself. A page of
 *                   HWPOISON is the same page in parent and child. Do not call this function while
 *                   another thread forks.
 * @par Resources    No file descriptor stays open. Until it is cleared, each piece of a mapping
 *                   takes some bytes of the heap and one additional mapping. A hugetlb mapping
 *                   stays split at the start and end of the range, because the kernel does not
 *                   merge hugetlb mappings.
 * @par Safety       MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_inject_clear(), mcsafe_inject_supported(), mcsafe_inject(3)
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject(void *addr, size_t len, enum mcsafe_inject_kind kind)
	MCSAFE_NOEXCEPT;

/**
 * Make injected memory good again.
 *
 * @param addr   Start of the range, as for mcsafe_inject().
 * @param len    Length of the range, as for mcsafe_inject(). Everything that is injected in the
 *               range is cleared; the rest of the range is left alone. The range may be a part of
 *               what one call injected, or span what several calls injected.
 *
 * @return 0            Nothing in the range is injected any more. The table at the top of this file
 *                      shows what the memory holds.
 *         -EINVAL      As for mcsafe_inject().
 *         -ENOENT      Nothing in the range was injected.
 *         -ENOMEM      The kernel is out of memory, has no huge page, or allows no further mapping.
 *                      What was not cleared can be cleared later.
 *         -EHWPOISON   HWPOISON: the kernel keeps the bad page in the file (hugetlb, or tmpfs that
 *                      is mapped read-only). Punch a hole into the file, or truncate it.
 *         -errno       Other errors of system calls.
 *
 * @par Safety   MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_inject()
 */
MCSAFE_API int mcsafe_inject_clear(void *addr, size_t len) MCSAFE_NOEXCEPT;

/**
 * Get the kind that is injected at an address, for example the kind that AUTO chose.
 *
 * @param addr   Any address.
 * @return       The kind, never AUTO. MCSAFE_INJECT_NONE if nothing is injected there.
 *
 * @par Safety   MT-Safe. Not AS-Safe.
 * @since 0.1    @see mcsafe_inject()
 */
MCSAFE_API enum mcsafe_inject_kind mcsafe_inject_kind_at(const void *addr) MCSAFE_NOEXCEPT;

/**
 * Get the name of a kind, for a message.
 *
 * @param kind   Any value.
 * @return       A static string: "none", "hwpoison", "poison", "guard", "protect", "eof", "auto";
 *               "unknown" for other values. Never NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_inject_kind_name(enum mcsafe_inject_kind kind) MCSAFE_NOEXCEPT;

/**
 * Check whether this process can inject a kind into ordinary memory on this kernel.
 *
 * The function injects a page of its own and clears it. It does not do this for HWPOISON: it only
 * checks that the kernel supports and permits it, and poisons no page.
 *
 * @param kind   Any kind that mcsafe_inject() accepts. AUTO is always supported.
 *
 * @return 0            Supported (0 and not 1, as for every control function).
 *         -EOPNOTSUPP  The kernel does not support the kind.
 *         -EPERM       The process may not use the kind.
 *         -EINVAL      kind is not a kind that can be injected.
 *         -errno       Other errors of system calls.
 *         mcsafe_inject_reason() describes the failure in words.
 *
 * @par Safety   MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_inject_reason()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_supported(enum mcsafe_inject_kind kind)
	MCSAFE_NOEXCEPT;

/**
 * Get the reason of the last failure of a function of this header in this thread.
 *
 * @return   A static string: one sentence without a full stop, or "" if no function has failed.
 *           Never NULL.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_inject_reason(void) MCSAFE_NOEXCEPT;

/**
 * Send the calling thread an early notice of lost memory, like one from the kernel.
 *
 * The signal is SIGBUS with BUS_MCEERR_AO ("action optional"), which mcsafe_on_notice() functions
 * receive. The memory is not accessed and stays good, unless it is injected too. If no handler is
 * installed, the signal kills the process, like a real one.
 *
 * @param addr     The si_addr of the signal. Any value.
 * @param extent   The number of bytes lost around addr: a power of two, at least 4096. The signal
 *                 reports it as si_addr_lsb, its binary logarithm.
 *
 * @return 0         The signal was sent. Unless SIGBUS is blocked, it was also delivered.
 *         -EINVAL   extent is not a power of two, or is less than 4096.
 *         -errno    Other errors of rt_tgsigqueueinfo(2).
 *
 * @par Safety   MT-Safe, AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_install()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_notice(void *addr, size_t extent) MCSAFE_NOEXCEPT;

/**
 * Make the Nth protected copy of this process fail, so that a test suite can run through all error
 * paths of a program.
 *
 * A copy that fails first copies the bytes before the bad one, then loads from a page that is
 * really bad. Its result and its fault record are those of a copy that meets poison in the middle
 * of its operand; the address in the record is that of the caller's byte. The caller's memory is
 * good and stays good: only this copy fails. Without mcsafe_install() the process dies, as with a
 * real fault.
 *
 * Copies are calls of memcpy_mcsafe(), mcsafe_memcpy(), mcsafe_memcpy_flushcache() and
 * mcsafe_memset() with n > 0. They are counted over all threads. Calls that other functions of
 * libmcsafe make count too: a copy of an iterator counts once for each segment. mcsafe_memset()
 * fails at its destination, the other functions fail at their source. Inline accesses (access.h)
 * and accesses by rows of the program (extable.h) are not intercepted: use mcsafe_inject() for
 * their memory.
 *
 * @param spec   "copy:N"     The Nth copy from now on fails, N >= 1.
 *               "copy:N+"    The Nth copy and all later copies fail.
 *               "@OFFSET" can follow either of them: the offset of the first bad byte in the
 *               operand. If it is not less than n, the last byte is bad. The default is n / 2.
 *               NULL: no copy fails any more.
 *               Every successful call sets the counters of copies and failures to 0.
 *
 * @return 0            The schedule is set.
 *         -EINVAL      spec has another form; mcsafe_inject_reason() lists the accepted forms.
 *         -EOPNOTSUPP  The copies of this program do not go through the injector: libmcsafe was
 *                      linked before libmcsafe-inject, or is linked statically without the options
 *                      below.
 *         -errno       Other errors of system calls.
 *         After a failure the previous schedule stays.
 *
 * @par Environment  MCSAFE_INJECT=spec sets a schedule when a program starts, with
 *                   LD_PRELOAD=libmcsafe-inject.so. The program need not know of the injector. If
 *                   the schedule cannot be set, the process ends with a message and status 2.
 *                   MCSAFE_INJECT_LOG=file names a file to which each failing copy appends one
 *                   line, for example "4711 mcsafe_memcpy n=100 failed at 50": the number of the
 *                   process, the function, its length in bytes, and the offset of the first byte
 *                   that was not copied. The file is opened and closed for each line. As each
 *                   close(2), that releases the record locks of the process on the file. Run the
 *                   program with N = 1, 2, ... until a run appends no line.
 *                   MCSAFE_INJECT_TRACE=file names a file for mcsafe-inject(1), which does this
 *                   work: the program, the failing copies with their callers, and at exit(3) the
 *                   number of copies. Its form may change. With this variable the copies that
 *                   fail are only as AS-Safe as mcsafe_backtrace().
 * @par Linking      Shared: the injector replaces the functions of libmcsafe. Therefore
 *                   libmcsafe-inject must come before libmcsafe in the link order, or must be
 *                   preloaded. Preloading does not work for a libmcsafe that is linked statically
 *                   into the program. Static: the linker needs the options --wrap=memcpy_mcsafe
 *                   --wrap=mcsafe_memcpy --wrap=mcsafe_memcpy_flushcache --wrap=mcsafe_memset
 *                   (mcsafe::inject_static passes them).
 * @par fork         A child continues to count from the parent's counters.
 * @par Safety       MT-Safe; a copy that runs at the same time may follow the old or the new
 *                   schedule. Not AS-Safe. The copies stay AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_inject_copies(), mcsafe_inject_failures()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_inject_schedule(const char *spec) MCSAFE_NOEXCEPT;

/**
 * Count the copies since the schedule was set.
 *
 * @return   The number of protected copies, failed or not. 0 if copies are not intercepted.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_schedule()
 */
MCSAFE_API size_t mcsafe_inject_copies(void) MCSAFE_NOEXCEPT;

/**
 * Count the failures since the schedule was set.
 *
 * @return   The number of copies that the schedule made fail. 0 after a complete run of the program
 *           means that N exceeds the number of copies: every error path was tested.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_schedule()
 */
MCSAFE_API size_t mcsafe_inject_failures(void) MCSAFE_NOEXCEPT;

/**
 * Make every protected load fail that reaches a given address or a higher one.
 *
 * Only a library that was configured with -DMCSAFE_DEBUG=ON has this function. In such a library a
 * check precedes each access of a copy. If the access fails the check, the copy continues as after
 * a real fault, without a signal and without an access to the memory. The fault record has SIGBUS,
 * BUS_MCEERR_AR and extent 4096. Its address is the first byte of the access that is at or above
 * addr.
 *
 * @param addr   The first bad byte. A load fails if its last byte is at or above addr. NULL: no
 *               load fails; this is the initial state.
 *
 * @par Exact    A copy loads up to 64 bytes of one cache line before it stores them. If addr lies
 *               within these bytes, none of them is copied. Therefore the count may be up to 63
 *               bytes too low; it is never too high. It is exact if addr is a multiple of 64, as
 *               the start of real bad memory is.
 * @par Scope    The whole process, all threads, until the next call.
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_dst()
 */
MCSAFE_API void mcsafe_inject_src(const void *addr) MCSAFE_NOEXCEPT;

/**
 * Make every protected store fail that reaches a given address or a higher one.
 *
 * Like mcsafe_inject_src(), but for stores. When a store of a copy fails, the copy repeats it byte
 * by byte, as after a real fault. Therefore its count is exact to the byte. The same applies to
 * mcsafe_memset(), except for the engine "word": this engine stores aligned words, so its count may
 * be up to 7 bytes too low if addr lies within a word.
 *
 * @param addr   The first bad byte. A store fails if its last byte is at or above addr. NULL: no
 *               store fails; this is the initial state.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_inject_src()
 */
MCSAFE_API void mcsafe_inject_dst(const void *addr) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_INJECT_H */
