/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield.h - put stand-in pages where mapped memory has failed, so that ordinary code goes on
 *
 * Some code can neither be changed nor be left: the B-tree of a database, a decoder, a runtime. It
 * reads a mapped file with its own instructions, and dies of SIGBUS if the file was truncated or
 * a page was lost. A shield keeps it alive:
 *
 *	#include <errno.h>
 *	#include <mcsafe/handler.h>
 *	#include <mcsafe/shield.h>
 *
 *	int sum(void *mapped, size_t n, unsigned long *result)
 *	{
 *		struct mcsafe_shield *shield;
 *		int err = mcsafe_install();
 *
 *		if (err == 0)
 *			err = mcsafe_shield_open(&shield, mapped, n, NULL);
 *		if (err != 0)
 *			return err;
 *		*result = 0;
 *		for (size_t i = 0; i < n; i++)
 *			*result += ((const unsigned char *)mapped)[i];
 *		if (mcsafe_shield_lost(shield) != 0)
 *			err = -EIO;
 *		mcsafe_shield_close(shield);
 *		return err;
 *	}
 *
 * What happens. An instruction without a row, and outside the windows of the guards of its thread,
 * accesses a page of a shield, and the kernel answers with SIGBUS. The handler of mcsafe_install()
 * maps a private page over the failed one, a stand-in, and the instruction runs again. Rows come
 * first (copies stop, as without a shield), guards second (they are left), shields third, previous
 * handlers last. SIGSEGV is never answered with a stand-in.
 *
 * What a stand-in holds: zeros, a byte, or the bytes of another file (a mirror). The data may be
 * wrong. Therefore each stand-in is counted before any thread can see it: mcsafe_shield_lost() is
 * one load, and mcsafe_shield_next() lists the stand-ins.
 *
 * Stores to a stand-in do not reach the file, nor other processes. They are lost when the mapping
 * ends, or when mcsafe_shield_restore() gives the file's page back.
 *
 * How much is replaced:
 *
 *   failed memory                 with zeros                       with a byte or a mirror
 *   poison, I/O error, no space   1 page                           1 page
 *   a huge page (hugetlbfs)       all of it; what is healthy is carried over, see below
 *   past the end of the file,     all of the mapping that lies     up to 1 MiB of that, from the
 *   and its size is known         past the end                     page on
 *   the same, size not known      1 page; if stand-ins come right before it, as many pages as there
 *                                 are of those, up to the first good page, at most 512
 *
 * The size is known of the regular file of MCSAFE_SHIELD_FILE, and of a file whose path the kernel
 * tells, if the path still leads to that file. If the kernel refuses more than one page (limits of
 * setrlimit(2), overcommit), 1 page is replaced past the end too. After mlockall(2), stand-ins of
 * more than 1 MiB are not locked, and take no memory until they are accessed.
 *
 * Huge pages. If 4 KiB of a huge page are poisoned, the kernel takes all of the huge page out of
 * every mapping, but read(2) of the file still gives the rest (hugetlbfs, since Linux 6.7). The
 * handler replaces the huge page by ordinary memory, and reads into it what the file still has:
 * these pages are carried over. Only what the file does not give is filled as the options say, and
 * only that is lost: it is counted and listed, and on_loss is called for it. A page that is carried
 * over has the bytes of the file at that moment. It is not lost, but it is private: stores to it do
 * not reach the file. mcsafe_shield_carried() counts such pages. Pages are carried over if the
 * mapping is shared, and its file is known (MCSAFE_SHIELD_FILE, or by its path) and can be opened
 * for reading. Otherwise all of the huge page is lost. A hole for which there is no huge page is
 * carried over as zeros.
 *
 * What is not replaced. The fault goes to the previous handler, as if there were no shield:
 *
 *   - memory that may be executed: zeros are instructions;
 *   - memory that is no longer what the shield was opened on: another file, or another part of it;
 *   - a huge page that only partly belongs to the shield;
 *   - a page that the mirror cannot give: pread(2) fails, or the page lies past the mirror's end;
 *   - if the kernel refuses the stand-in: there is no memory, or the process has as many mappings
 *     as vm.max_map_count allows, see "Mappings". mcsafe_stats_get() counts it (no_stand_in);
 *   - if no descriptor is left (RLIMIT_NOFILE), and the program has closed the one that the library
 *     keeps of /proc/self/maps: see mcsafe_shield_open(). As long as that one is open, a fault
 *     needs no other, but to carry over pages of a file that could not be kept open;
 *   - if /proc is not there, or a sandbox refuses one of: open, ioctl and read of /proc/self/maps,
 *     madvise, mmap, mremap, mprotect, munmap, munlock, fstat, pread, rt_sigprocmask, futex. A
 *     sandbox that kills the process for such a call does that here.
 *
 * Mappings. Stand-ins next to each other join, so that a run of them costs at most 2 mappings,
 * however it came about. (A byte and a mirror need Linux 5.7 for that, and one mapping more for
 * each shield. From its first fault on, that mapping takes as many addresses as the shield, and no
 * memory. It counts for RLIMIT_AS and RLIMIT_DATA. Where these do not allow it, stand-ins may not
 * join, nor do those of a child of fork(2) with those of its parent.) Healthy pages between
 * stand-ins are never replaced in order to save mappings: a copy of them would be private, and
 * stores to it would be lost. So n scattered losses cost 2 n mappings. If none is
 * left, the fault goes to the previous handler. Once the program has unmapped something, faults are
 * answered again. Zeros can be mapped up to the limit, a byte and a mirror up to 6 mappings before
 * it. Before that, mcsafe_stats_get() counts (near_limit) each stand-in that was mapped when less
 * than a sixteenth of the limit was left. mcsafe_shield_mappings_left() tells how many are left.
 *
 * If SIGBUS is blocked in the thread that accesses the memory, the kernel kills the process.
 *
 * System calls do not raise SIGBUS. read(2) into a lost page, or write(2) from it, returns EFAULT.
 * mcsafe_shield_touch() puts the stand-ins in place beforehand.
 *
 * Threads. Each of these has one result:
 *
 *   - Two threads access the same page. One stand-in is mapped. The other thread uses it too, and
 *     keeps what was stored to it.
 *   - The page is whole again before the stand-in is mapped: the file has grown, or the medium has
 *     recovered. No stand-in is mapped. But if the file grows in the microseconds after the handler
 *     has asked for its size, a stand-in takes the place of a good page, and is listed.
 *   - The memory was unmapped, or made inaccessible, before the stand-in is mapped. No stand-in is
 *     mapped, and the instruction faults with SIGSEGV.
 *   - The memory has become another mapping before the stand-in is mapped. No stand-in is mapped.
 *   - A thread maps something else over a stand-in while the fault is being answered. The handler
 *     asks after it has mapped, and does not list what is no longer there.
 *   - A thread unmaps or replaces memory of a shield between the moment when the handler asks what
 *     is there, and the next system call, which maps the stand-in. This cannot be excluded: the
 *     kernel has no call that maps a page only if a certain mapping is there. The stand-in then
 *     takes the place of the new mapping, or of nothing. It is counted, listed and told. Close the
 *     shield before you unmap or replace a part of it that other threads may still access. A part
 *     that no thread accesses can be in the same danger: all that lies past the end of the file is
 *     replaced at once.
 *   - The protection is that of the memory when the handler asks. mprotect(2) at that moment may
 *     find the page of the file, and the stand-in then keeps the protection that it had before.
 *     A stand-in has nothing else of the mapping: no protection key (pkeys(7)), no mlock(2), no
 *     memory policy, and nothing of what madvise(2) has said.
 *   - mremap(2) takes stand-ins along. The memory at the new address is in no shield.
 *   - A file is mapped at two addresses. Each address has its own shield, faults and stand-ins. If
 *     poison is met for the first time, the kernel may report the other address: see mcsafe_fault.
 *
 * fork: a child has the same shields, and counts and lists of its own. So has a child of any
 * clone(2) that copies the memory. At its first fault such a child opens /proc/self/maps itself,
 * and closes the descriptor of its parent's, which it has inherited. A child of vfork(2) uses those
 * of its parent. If it is killed while it is in the handler, the parent may wait for ever at its
 * next fault.
 *
 * Record locks. The library holds the file without a descriptor that could be read, so that
 * mcsafe_shield_close() does not remove POSIX record locks (fcntl(2)). Three things do: closing a
 * shield with a mirror removes those on the mirror. Closing the last shield on a file of huge
 * pages, or failing to open the first (-EEXIST, -ENOMEM), and mcsafe_shield_restore() of a private
 * mapping, remove those on the file. If a file of huge pages could not be kept open for reading, or
 * the program has closed that number, each fault and each restore of it do so too.
 */
#ifndef MCSAFE_SHIELD_H
#define MCSAFE_SHIELD_H

#include <mcsafe/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/copy.h>

MCSAFE_BEGIN_DECLS

/** A shield: one range of mapped memory whose failed pages are replaced. */
struct mcsafe_shield;

/**
 * Called in the signal handler after a stand-in was mapped, and by mcsafe_shield_touch(). It may
 * call only async-signal-safe functions. It may access the shielded memory, and may leave by
 * siglongjmp(3).
 *
 * @param lost  What was replaced, and is lost. Its start is an offset from the start of the shield.
 *              In a huge page several ranges may be lost: then the function is called for each. If
 *              there are more than 32, the last call has a range from the start of one to the end
 *              of the last, and mcsafe_shield_next() lists them exactly.
 * @param arg   The arg of the options.
 */
typedef void (*mcsafe_shield_fn)(const struct mcsafe_range *lost, void *arg);

/** What a stand-in holds. */
enum mcsafe_shield_fill {
	MCSAFE_SHIELD_ZERO,  /**< zeros */
	MCSAFE_SHIELD_BYTE,  /**< options->byte in each byte */
	MCSAFE_SHIELD_MIRROR /**< what pread(2) finds in options->mirror_fd; zeros follow the end of
	                          the mirror in its last page */
};

/** For mcsafe_shield_options.flags: options->file_fd is a descriptor of the mapped file. */
#define MCSAFE_SHIELD_FILE 1u

/** Options of a shield. Set size, and leave at 0 what is not wanted. */
struct mcsafe_shield_options {
	size_t size; /**< sizeof(struct mcsafe_shield_options) */
	enum mcsafe_shield_fill fill;
	int byte;                 /**< 0..255, for MCSAFE_SHIELD_BYTE */
	int mirror_fd;            /**< for MCSAFE_SHIELD_MIRROR: can be read at any offset */
	off_t mirror_offset;      /**< where the mirror has the bytes of the shield's start; >= 0 */
	mcsafe_shield_fn on_loss; /**< NULL: not wanted */
	void *arg;                /**< passed to on_loss */
	unsigned flags;           /**< 0 or MCSAFE_SHIELD_FILE */
	int file_fd;              /**< for MCSAFE_SHIELD_FILE; any access mode, but see -EINVAL */
	void *reserved[4];        /**< NULL */
};

/**
 * Open a shield on mapped memory.
 *
 * Nothing is accessed. mcsafe_install() must have been called before a fault, or
 * mcsafe_handle_signal() be called by the program's own handler.
 *
 * The library keeps the mapping of one page of a shared file until the shield is closed, so that
 * mcsafe_shield_restore() can map the file again. It also keeps a descriptor for the size of the
 * file, one for the bytes of a file of huge pages, one of the mirror and, as long as any shield is
 * open, one of /proc/self/maps. Shields of one file share those of the file. They are
 * never 0, 1 or 2, and are closed by execve(2). Once the program has closed such a number, the
 * library recognises that, and does without it. Without the last one, each fault opens the file
 * anew, and the next call opens one to keep.
 *
 * @param[out] shield   Receives the shield. Close it with mcsafe_shield_close(). Not NULL.
 *                      Unchanged after a failure.
 * @param      base     Start of the memory: a multiple of its page size, which is 4096, or that of
 *                      the huge pages.
 * @param      len      Length in bytes. It is rounded up to a multiple of the page size.
 * @param[in]  options  The options, which are copied. NULL: zeros, and no function.
 *
 * @return     0        Success.
 *             -EINVAL  base is not a multiple of the page size. len is 0, or the range wraps around
 *                      the end of memory. An option is not one of those above. file_fd is not the
 *                      file that is mapped at base: the device or the inode differs. If fstat(2)
 *                      tells another device than /proc/self/maps (btrfs, overlayfs), file_fd is
 *                      mapped to find out, so it must be open for reading.
 *             -E2BIG   options->size exceeds that of this library, and what follows is not 0.
 *             -EFAULT  Nothing is mapped at base.
 *             -EACCES  The memory at base may be executed.
 *             -EEXIST  A part of the range is in another shield.
 *             -EBADF   mirror_fd or file_fd is not open, or mirror_fd cannot be read.
 *             -ESPIPE  mirror_fd has no offsets: it is a pipe or a socket.
 *             -ENODATA /proc/self/maps cannot be read, so that no fault could be answered.
 *             -EMFILE, -ENFILE  No descriptor is left.
 *             -ENOMEM  Out of memory, or of mappings.
 *
 * @par Memory One bit for each page of 4 KiB, two in a mapping of huge pages. They take memory when
 *             the page is replaced.
 * @par Safety MT-Safe. Not AS-Safe. No cancellation point. errno is unchanged.
 * @par Cost   Some 20 microseconds, also with 10000 open shields, whose list each open and each
 *             close copies. Before Linux 6.11 the text of /proc/self/maps is read too, about 1
 *             microsecond for each mapping of the process. A shield of a shared file makes one
 *             mapping.
 * @since 0.1  @see mcsafe_shield_close()
 */
MCSAFE_API int mcsafe_shield_open(struct mcsafe_shield **shield, void *base, size_t len,
				  const struct mcsafe_shield_options *options) MCSAFE_NOEXCEPT;

/**
 * The number of bytes that stand-ins have replaced since the shield was opened, without those that
 * were carried over.
 *
 * It never decreases. A page that was given back and replaced again counts twice. A thread that has
 * read a byte of a stand-in finds it counted. So if the count is the same before and after a
 * transaction, the transaction has read no stand-in that was new, and if it is 0, none at all.
 * It may count a stand-in shortly before it is there. If the kernel then refuses the stand-in, the
 * count goes back.
 *
 * @param shield  The shield. Not NULL.
 *
 * @return        The number of bytes, a multiple of 4096.
 *
 * @par Safety MT-Safe, AS-Safe
 * @par Cost   One load.
 * @since 0.1  @see mcsafe_shield_next()
 */
MCSAFE_API size_t mcsafe_shield_lost(const struct mcsafe_shield *shield) MCSAFE_NOEXCEPT;

/**
 * The number of bytes that were carried over since the shield was opened: see "Huge pages" at the
 * top.
 *
 * They were not lost: a load finds the bytes that the file had. But what is stored there since does
 * not reach the file. A program that stores to huge pages asks for this count too.
 *
 * @param shield  The shield. Not NULL.
 *
 * @return        The number of bytes, a multiple of 4096. It never decreases, except as that of
 *                mcsafe_shield_lost().
 *
 * @par Safety MT-Safe, AS-Safe
 * @par Cost   One load.
 * @since 0.1  @see mcsafe_shield_lost()
 */
MCSAFE_API size_t mcsafe_shield_carried(const struct mcsafe_shield *shield) MCSAFE_NOEXCEPT;

/**
 * Find the first stand-in at or after an offset. Neighbours are one range. What was carried over is
 * not listed.
 *
 *	for (size_t at = 0; mcsafe_shield_next(shield, at, &lost); at = lost.start + lost.len)
 *		printf("%zu bytes at %zu are stand-ins\n", lost.len, lost.start);
 *
 * @param      shield  The shield. Not NULL.
 * @param      start   Offset from the start of the shield. It is rounded down to a page.
 * @param[out] range   Receives the part of the range that lies at or after start. For a file, add
 *                     the file's offset that the program has mapped at base. NULL if not wanted.
 *                     Unchanged if nothing is found.
 *
 * @return     Whether there is one.
 *
 * @par Safety MT-Safe, AS-Safe. A page that changes during the call is seen as either.
 * @par Cost   1 load for 64 pages that are looked at: 12 GiB take about 50 microseconds.
 * @since 0.1  @see mcsafe_shield_lost()
 */
MCSAFE_API bool mcsafe_shield_next(const struct mcsafe_shield *shield, size_t start,
				   struct mcsafe_range *range) MCSAFE_NOEXCEPT;

/**
 * Put the stand-ins of a range in place beforehand, so that system calls can read the range.
 *
 * The kernel brings in the pages (MADV_POPULATE_READ, since Linux 5.14). Those that fail are
 * replaced as a fault of a load would replace them. A store may still fail, if the file system has
 * no space. on_loss is called for what is replaced.
 *
 * @param shield  The shield. Not NULL.
 * @param start   Offset of the first byte from the start of the shield.
 * @param len     Length in bytes. What lies past the end of the shield is left out.
 *
 * @return     0            All pages of the range can be read.
 *             -EFAULT      A page cannot be read and is not replaced: it is not mapped or not
 *                          readable; or memory is short, or a sandbox refuses madvise(2); or see
 *                          "What is not replaced" at the top. The pages before it can be read.
 *             -EIO         The mirror cannot give a page.
 *             -ENOMEM      The kernel refuses a stand-in.
 *             -EOPNOTSUPP  The kernel is older than Linux 5.14.
 *
 * @par Safety MT-Safe. Not AS-Safe. No cancellation point. errno is unchanged.
 * @par Cost   Where all is well and in memory, 1 system call for 2 MiB, and before Linux 6.9 one
 *             for each page. Otherwise the pages are read from the medium.
 * @since 0.1
 */
MCSAFE_API int mcsafe_shield_touch(struct mcsafe_shield *shield, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * Give the file's own pages back, where they are whole again.
 *
 * Each page of the file that a stand-in has replaced is brought in at another address first. If
 * that succeeds, the page takes the place of the stand-in at once. Other threads see the one or the
 * other. What was stored to the stand-in is lost. If the lost page had been modified and not yet
 * written to the disk, the file's page is the old one. A page that fails keeps its stand-in, and
 * mcsafe_shield_next() lists it. Private anonymous memory that the program has mapped over a
 * stand-in cannot be told from it, and is replaced too. Pages that were carried over are given back
 * too, a huge page at a time. Before Linux 5.14 all pages are given back that lie before the end of
 * the file; if one fails, the next access replaces it again.
 *
 * @param shield  The shield. Not NULL.
 * @param start   Offset of the first byte from the start of the shield.
 * @param len     Length in bytes. Each page counts that has a byte in the range. What lies past the
 *                end of the shield is left out.
 *
 * @return     0            The range has no stand-in any more.
 *             -EIO         Some pages of the file still fail.
 *             -EOPNOTSUPP  The file cannot be mapped again: there is none (the memory is
 *                          anonymous); or the mapping is private or of huge pages, and the file has
 *                          no descriptor (MCSAFE_SHIELD_FILE) and no path; or it cannot be opened.
 *             -ENODATA     /proc/self/maps cannot be read. Stand-ins that were not looked at stay.
 *             -ENOMEM      Out of memory, or of mappings, or of address space.
 *
 * After a failure the pages that could be given back were given back.
 *
 * @par Safety MT-Safe. Not AS-Safe. No cancellation point. errno is unchanged. A thread that faults
 *             on the same shield waits.
 * @since 0.1  @see mcsafe_shield_next()
 */
MCSAFE_API int mcsafe_shield_restore(struct mcsafe_shield *shield, size_t start, size_t len)
	MCSAFE_NOEXCEPT;

/**
 * The number of mappings that this process may still make: vm.max_map_count without those that it
 * has. A stand-in takes up to 2, a byte or a mirror 6 while it is put in place. See "Mappings" at
 * the top.
 *
 * Long before the last one is used up, call this from time to time, or when near_limit of
 * mcsafe_stats_get() has grown. near_limit relies on the last count, and on what stand-ins have
 * taken since. This function counts. So do some calls of mcsafe_shield_open() and
 * mcsafe_shield_restore(): the first open, and then one in as many as a quarter of the mappings.
 * What the program maps itself between two counts, near_limit does not know.
 *
 * @return     >= 0      So many. Other threads may make mappings at any time.
 *             -ENODATA  /proc/self/maps or /proc/sys/vm/max_map_count cannot be read: there is no
 *                       /proc, or no descriptor is left and no shield is open.
 *
 * @par Safety MT-Safe, AS-Safe: on_loss may call it. No cancellation point. errno is unchanged.
 * @par Cost   It reads /proc/self/maps: about 1 microsecond for each mapping of the process.
 * @since 0.1  @see mcsafe_stats_get()
 */
MCSAFE_API ssize_t mcsafe_shield_mappings_left(void) MCSAFE_NOEXCEPT;

/**
 * Close a shield, and free it.
 *
 * The stand-ins stay. They end with the mapping, by munmap(2) or when something else is mapped
 * there. From now on a fault goes to the previous handler. If another thread's fault is being
 * answered, the call waits for that. on_loss may still run in other threads after the call has
 * returned, but it is not called for faults that begin then.
 *
 * @param shield  The shield. No other thread may use it in another call. NULL: nothing is done.
 *
 * @return        0        Closed.
 *                -ENOMEM  Out of memory, in a child of fork(2) whose parent was opening or closing
 *                         a shield in another thread. The shield is still open.
 *
 * @par Safety MT-Safe for different shields. Not AS-Safe: on_loss must not call it. No cancellation
 *             point. errno is unchanged.
 * @since 0.1  @see mcsafe_shield_open()
 */
MCSAFE_API int mcsafe_shield_close(struct mcsafe_shield *shield) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_SHIELD_H */
