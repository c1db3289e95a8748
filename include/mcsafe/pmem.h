/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem.h - mapped files, devices and memory that fail like files
 *
 * If a program uses read(2) and write(2) for a file on persistent memory (DAX), the kernel handles
 * bad memory: a read of it returns a short count or an error, and no signal kills the process. The
 * kernel keeps a list of bad ranges, and a write repairs them. A program that maps the file has
 * none of this: one load from bad memory kills the program. The functions of this header do for a
 * mapping what the kernel does for read(2) and write(2):
 *
 *	struct mcsafe_pmem *pmem;
 *	int err = mcsafe_pmem_open(&pmem, "/mnt/pmem/log", 0);
 *
 *	if (err == 0) {
 *		ssize_t got = mcsafe_pmem_pread(pmem, record, sizeof(record), 4096, NULL);
 *		...
 *		mcsafe_pmem_close(pmem);
 *	}
 *
 * mcsafe_install() must have been called, or a handler of the program must call
 * mcsafe_handle_signal(): otherwise a fault kills the process. SIGBUS and SIGSEGV must be unblocked
 * in each thread that reads or writes.
 *
 * Known bad ranges. Each mapping has one registry (badblocks.h). Only mcsafe_pmem_repair(), and
 * mcsafe_pmem_scrub() if it is asked to recheck, access a range that is in the registry. Reads and
 * writes round the ranges out to cache lines of 64 bytes. These fill the registry:
 *
 *   mcsafe_pmem_open()    the ranges that the kernel knows; mcsafe_pmem_ask() asks again
 *   a read or a write     that finds poison, or an I/O error that pread(2) of the file meets too
 *   mcsafe_pmem_notice()  memory that an early notice reports as lost
 *   the program           with mcsafe_badblocks_add(), mcsafe_badblocks_load() or a scrub
 *
 * What a fault adds to the registry:
 *
 *   cause      added range
 *   POISON     The block that the kernel reports. With DAX, only one page: the kernel reports the
 *              whole block that was mapped, but its other pages can be read again.
 *   IO         The page, if the medium has lost it: pread(2) of one byte fails too, with EIO or
 *              EHWPOISON, and the file is the same and has the same size before and after that.
 *              Otherwise nothing, because the error may pass: the file was truncated, the file
 *              system had no space for a store, a pager has not brought the page. An error adds
 *              something only where the data are on this machine: block devices, and ext2 to ext4,
 *              XFS, Btrfs, F2FS, bcachefs, ZFS, JFS, NILFS2, FAT, exFAT, NTFS, ISO 9660, SquashFS,
 *              ramfs, tmpfs and hugetlbfs. With all other file systems a server may be away (NFS,
 *              SMB, Ceph, FUSE, AFS, Coda, 9P ...), or lie below (overlayfs, eCryptfs). The library
 *              cannot tell a block device of the network from a disk. Nor does an error of memory
 *              without a file, or of a device-dax node, add anything: nobody can be asked about it.
 *   UNKNOWN    The page, if the signal is SIGBUS and does not report a misaligned access: the
 *              kernel could not tell where the memory error is. Otherwise nothing.
 *   others     Nothing. Such a mapping error says nothing about the medium, and may affect one
 *              thread only, see pkeys(7).
 *
 * What was not added to the registry is tried again by the next access. Nothing must be cleared or
 * refreshed once the cause is gone. Poison in a page that is no longer in the file adds nothing.
 *
 * If a part of the mapping cannot be accessed, the error is -EIO, whatever the cause; but -ENOSPC
 * if a store found no space. If a buffer of the caller cannot be accessed, the error is -EFAULT.
 *
 * Holes. A read through a mapping of tmpfs (memfd, /dev/shm) takes memory for each hole that it
 * meets, and fails if there is none. The functions that read find the holes instead, with lseek(2),
 * and read zeros there. They do so only if the library has mapped the file, by its path or by a
 * descriptor that is not borrowed. A hole that somebody has punched, or made by truncation and
 * growth, where a read has found no hole before, may be missed until mcsafe_pmem_refresh().
 *
 * Holes of hugetlbfs are not found, because no call of the kernel tells them: lseek(2) takes all of
 * the file for data, mincore(2) tells only what this process has mapped, and pread(2), which would
 * take no page, does not survive poison. A read of a hole takes a huge page. But when the library
 * maps the file, the kernel sets a huge page aside for each page of it, or the open fails with
 * -ENOMEM: the read takes nothing that others could have, and does not fail. That does not hold for
 * a hole that somebody punches later, and for memory that the caller has mapped with MAP_NORESERVE:
 * if no huge page is free, a read there fails with -EIO, and succeeds once there is one.
 *
 * Results of pread(2) and of mcsafe_pmem_pread() for the same file with DAX, measured on Linux 6.1:
 *
 *   read                                    pread(2)           mcsafe_pmem_pread()
 *   good bytes, then poison not yet known   short count        short count
 *   poison not yet known at the first byte  -1, EFAULT         -EIO
 *   good bytes, then known poison           -1, EIO            short count, poison not accessed
 *   known poison at the first byte          -1, EIO            -EIO, poison not accessed
 *   end of the file                         0                  0
 *
 * Descriptors. A mapping keeps a descriptor of its file, which is never 0, 1 or 2, and is closed by
 * execve(2). The library remembers which file it is. If the program closes that number, it may soon
 * be another file. Nothing is done with such a file: refresh, repair and asking the kernel fail
 * with -EBADF, and mcsafe_pmem_close() does not close it. Reads and writes do not need the
 * descriptor.
 *
 * Record locks. If a process closes any descriptor of a file, the kernel removes all POSIX record
 * locks of that process on that file: see fcntl(2), F_SETLK, and lockf(3). mcsafe_pmem_close()
 * closes one, and so does a call of mcsafe_pmem_open(), mcsafe_pmem_open_fd() or
 * mcsafe_pmem_open_memory() that fails. A program that holds such locks on the file can
 *
 *   - pass its own descriptor with MCSAFE_PMEM_BORROW. Then the library opens and closes nothing of
 *     the file. The descriptor must stay open until mcsafe_pmem_close(). If the file is in tmpfs,
 *     holes in it are not found, and a read or a scrub takes memory for them. If the file is in
 *     hugetlbfs, a shield (mcsafe_pmem_shield()) opens and closes it all the same;
 *   - call mcsafe_pmem_open_memory() with memory that it has mapped, and without a descriptor;
 *   - use locks that belong to an open file description instead: F_OFD_SETLK of fcntl(2), or
 *     flock(2). They are kept.
 *
 * Cancellation. Of these functions only mcsafe_pmem_scrub() is a cancellation point, see
 * mcsafe_scrub_run(). In all others pthread_cancel(3) has no effect until they have returned.
 * Asynchronous cancellation must not be enabled in them.
 *
 * Stack. No function needs more stack than a thread of PTHREAD_STACK_MIN has, but
 * mcsafe_pmem_open(), mcsafe_pmem_ask() and mcsafe_pmem_repair() of a device-dax node: these call
 * libndctl.
 *
 * fork: a child may use a mapping that it inherits only if no other thread of the parent was in a
 * function of this header when the child was created. The child must not repair. From then on,
 * parent and child have separate registries. It is better to open the file again in the child.
 */
#ifndef MCSAFE_PMEM_H
#define MCSAFE_PMEM_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mcsafe/badblocks.h>
#include <mcsafe/copy.h>
#include <mcsafe/fault.h>
#include <mcsafe/iter.h>
#include <mcsafe/notice.h>
#include <mcsafe/scrub.h>
#include <mcsafe/shield.h>

MCSAFE_BEGIN_DECLS

/** A mapping and its registry of known bad ranges. */
struct mcsafe_pmem;

/** Flags for opening; they can be ORed. */
enum mcsafe_pmem_flag {
	MCSAFE_PMEM_WRITE = 1,    /**< allow writing and repair, not only reading */
	MCSAFE_PMEM_FLUSH = 2,    /**< mcsafe_pmem_open_memory() only: flushing the caches makes
	                             stores durable, as with MAP_SYNC or device-dax. Without this
	                             flag, msync(2) does */
	MCSAFE_PMEM_NO_ASK = 4,   /**< do not ask the kernel for bad blocks */
	MCSAFE_PMEM_PUNCH = 8,    /**< if writing to a file on a disk does not repair it, repair may
	                             punch a hole into the file; see mcsafe_pmem_repair() */
	MCSAFE_PMEM_RESERVE = 16, /**< have the file system keep space for all of the file, so
	                               that stores do not find it full; needs MCSAFE_PMEM_WRITE */
	MCSAFE_PMEM_BORROW = 32   /**< mcsafe_pmem_open_fd() and mcsafe_pmem_open_memory() only:
	                               use the caller's descriptor itself; see "Record locks" */
};

/** The kind of a mapping. */
enum mcsafe_pmem_kind {
	MCSAFE_PMEM_FILE = 0,   /**< a file, or a block device */
	MCSAFE_PMEM_DEVICE = 1, /**< a device-dax node */
	MCSAFE_PMEM_MEMORY = 2  /**< memory that the caller has mapped */
};

/** How stores become durable. */
enum mcsafe_pmem_persistence {
	MCSAFE_PMEM_BY_FLUSH = 0, /**< cache lines are flushed, then SFENCE, without a
	                             system call */
	MCSAFE_PMEM_BY_MSYNC = 1  /**< msync(2) */
};

/** The description of a mapping, from mcsafe_pmem_get_info(). */
struct mcsafe_pmem_info {
	enum mcsafe_pmem_kind kind;
	enum mcsafe_pmem_persistence persistence;
	int dax;           /**< 1: loads and stores go to the medium, without a page cache. 0: they
	                        do not, or it is not known (memory of the caller) */
	int sync;          /**< 1: mapped with MAP_SYNC, a device-dax node, or opened with
	                        MCSAFE_PMEM_FLUSH: flushing makes stores durable. 0: it does not */
	int writable;      /**< 1: opened with MCSAFE_PMEM_WRITE. 0: without */
	void *base;        /**< start of the mapping; mcsafe_pmem_refresh() can change it */
	size_t size;       /**< bytes that can be read: the size at the last open or refresh */
	size_t page_size;  /**< bytes in a page of the mapping: 4096, the huge page size of
	                        hugetlbfs, or the alignment of the device */
	size_t align;      /**< offset and length of a repair must be multiples of this: 4096, or
	                        the huge page size of hugetlbfs */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Open and map a file, a block device or a device-dax node.
 *
 * If the file system supports it, a file is mapped with MAP_SYNC. Otherwise the mapping is an
 * ordinary shared one. Size and alignment of a device-dax node are read from sysfs. The kernel is
 * asked for bad blocks. If it cannot be asked, that is no error; see mcsafe_pmem_ask().
 *
 * @param[out] pmem   Receives the mapping. Close it with mcsafe_pmem_close(). Not NULL. Unchanged
 *                    after a failure.
 * @param[in]  path   The name of the file or device. Not NULL.
 * @param      flags  MCSAFE_PMEM_WRITE, MCSAFE_PMEM_NO_ASK, MCSAFE_PMEM_PUNCH and
 *                    MCSAFE_PMEM_RESERVE, ORed; or 0.
 *
 * Like open(2), this function waits if another process has a lease on the file: F_SETLEASE of
 * fcntl(2).
 *
 * With MCSAFE_PMEM_RESERVE, fallocate(2) is called for all of the file, here and in
 * mcsafe_pmem_refresh(). If there is no space, these calls fail, and what was allocated before that
 * stays allocated. Otherwise later stores find space, except where holes are punched into the file
 * again, or the file system stores new data in another place (btrfs, or blocks that are shared with
 * a copy). The flag has no effect on devices.
 *
 * @return     0           Success. mcsafe_pmem_get_info() describes the mapping.
 *             -EINVAL     flags contains another flag, or MCSAFE_PMEM_RESERVE without
 *                         MCSAFE_PMEM_WRITE.
 *             -ENOSPC     With MCSAFE_PMEM_RESERVE: there is no space for all of the file.
 *             -EOPNOTSUPP With MCSAFE_PMEM_RESERVE: the file system cannot reserve space.
 *             -ENODEV     path is neither a file, a block device nor a device-dax node.
 *             -EOVERFLOW  The file is larger than SSIZE_MAX / 4 bytes.
 *             -ENOMEM     Out of memory, or out of address space for the mapping.
 *             -EBADMSG    sysfs has no valid size or alignment for the device.
 *             -errno      Other errors of open(2), fstat(2), fallocate(2) and mmap(2).
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open_fd(), mcsafe_pmem_close(), mcsafe_pmem_get_info()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open(struct mcsafe_pmem **pmem, const char *path,
						 int flags);

/**
 * Map a file or device that is open already, for example a memfd.
 *
 * Like mcsafe_pmem_open(). The descriptor is duplicated, so the caller may close its own, unless
 * flags contains MCSAFE_PMEM_BORROW.
 *
 * @param[out] pmem   As for mcsafe_pmem_open().
 * @param      fd     A descriptor that is open for reading or, if flags contains
 *                    MCSAFE_PMEM_WRITE, for reading and writing.
 * @param      flags  As for mcsafe_pmem_open(); also MCSAFE_PMEM_BORROW.
 *
 * @return     0        Success.
 *             -EBADF   fd is not open.
 *             -EACCES  fd is not open for reading; or it is not open for writing, and flags
 *                      contains MCSAFE_PMEM_WRITE.
 *             others   As for mcsafe_pmem_open().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open_fd(struct mcsafe_pmem **pmem, int fd, int flags);

/**
 * Use memory that the caller has mapped: anonymous memory, a file, a mapping of libpmem2, ...
 *
 * The caller keeps the memory, and unmaps it after mcsafe_pmem_close(). Until then it must stay
 * mapped at the same address. mcsafe_pmem_repair() may replace pages of it.
 *
 * @param[out] pmem    As for mcsafe_pmem_open().
 * @param      base    Start of the memory, a multiple of 4096. Not NULL. The memory need not be
 *                     readable.
 * @param      len     Length of the memory in bytes, 1 .. SSIZE_MAX. base + len must not exceed
 *                     UINTPTR_MAX, and offset + len must not exceed SSIZE_MAX.
 * @param      fd      The file that is mapped there as a shared mapping. It is used for asking the
 *                     kernel and for repair. The descriptor is duplicated. -1: no file. Without a
 *                     file, private anonymous memory can be repaired; other memory cannot.
 * @param      offset  Offset in the file at which the mapping begins, a multiple of 4096. Must be 0
 *                     without a file.
 * @param      flags   MCSAFE_PMEM_WRITE (if the memory is mapped for writing), MCSAFE_PMEM_FLUSH,
 *                     MCSAFE_PMEM_NO_ASK, MCSAFE_PMEM_PUNCH, MCSAFE_PMEM_RESERVE and
 *                     MCSAFE_PMEM_BORROW, ORed; or 0. The last two only with a file.
 *
 * @return     0        Success. The offsets that all functions take are relative to base.
 *             -EINVAL  base, len or offset is not as described; or flags contains another flag, or
 *                      MCSAFE_PMEM_RESERVE without MCSAFE_PMEM_WRITE.
 *             -EBADF, -EACCES, -ENOSPC, -EOPNOTSUPP  As for mcsafe_pmem_open_fd(), unless fd is -1.
 *             -ENOMEM  Out of memory.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open_memory(struct mcsafe_pmem **pmem, void *base,
							size_t len, int fd, off_t offset,
							int flags);

/**
 * Close a mapping, and unmap it unless the caller had mapped it.
 *
 * This function waits until the calls that use the mapping in other threads have returned. No call
 * may use the mapping once this function was called. A function that another call runs (a callback
 * of a scrub) must not call this function.
 *
 * @param pmem  The mapping; invalid afterwards. NULL: nothing is done.
 *
 * @par Safety  MT-Safe for different mappings. Not AS-Safe. errno is left alone.
 * @since 0.1   @see mcsafe_pmem_open()
 */
MCSAFE_API void mcsafe_pmem_close(struct mcsafe_pmem *pmem);

/**
 * Describe a mapping.
 *
 * @param[in]  pmem  The mapping. Not NULL.
 * @param[out] info  Receives the description. Not NULL.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API void mcsafe_pmem_get_info(const struct mcsafe_pmem *pmem, struct mcsafe_pmem_info *info);

/**
 * Update the size of a mapping to the current size of its file.
 *
 * If the file has grown, nothing past the old end can be read or written before this call.
 *
 * If the file was truncated, the bytes between the new end and the end of its page read as zeros
 * before this call. A read that reaches the next page returns a short count, which is exact; a read
 * that begins there fails with -EIO. After this call, reads past the new end return 0, as at the
 * end of any file, and the registry has no range past the end of the file. If such memory is still
 * bad when the file grows again, it is found again.
 *
 * Device-dax nodes, and memory that the caller mapped, keep their size: for them this function does
 * nothing.
 *
 * If the mapping is too small, a larger one at another address replaces it. The old mapping stays
 * until mcsafe_pmem_close(), for reads that use it. Each mapping is at least twice as large as the
 * one before, so there are few of them.
 *
 * @param pmem  The mapping. Not NULL.
 *
 * @return     0         The size is up to date.
 *             -EBADF    The descriptor is no longer the file that was opened: the program has
 *                       closed it. The size is unchanged.
 *             -ENOMEM, -EOVERFLOW, -ENOSPC, -errno  As for mcsafe_pmem_open(). The size is
 *                       unchanged.
 *
 * @par Safety MT-Safe: other threads may read and write at the same time. Waits for a repair.
 *             Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_get_info()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_refresh(struct mcsafe_pmem *pmem);

/**
 * Read from a mapping, like pread(2).
 *
 * Reading stops at the first byte that is known to be bad, without accessing it. It also stops at
 * the first byte that proves to be bad. The bytes after the bad ones can be read with another call,
 * at their offset.
 *
 * @param      pmem    The mapping. Not NULL.
 * @param[out] buf     Receives up to n bytes. Must not lie in the mapping.
 * @param      n       Number of bytes to read. If n exceeds SSIZE_MAX, SSIZE_MAX is used. 0:
 *                     nothing is done.
 * @param      offset  Where to begin. Must not be negative.
 * @param[out] fault   Receives the fault that stopped the read. NULL if not wanted. Written if and
 *                     only if memory stopped the read before n bytes and before the end of the
 *                     file. For a range that was known to be bad, signo is 0, cause is IO, and addr
 *                     is the first byte that was not read.
 *
 * @return    1..n      The number of bytes that were read to buf. Less than n: the end of the file
 *                      was reached, or the next byte cannot be read. The count is exact as for
 *                      mcsafe_memcpy(). The rest of buf is unchanged.
 *            0         n is 0, or offset is at or past the end of the file.
 *            -EIO      The first byte cannot be read.
 *            -EFAULT   The first byte of buf cannot be written.
 *            -EINVAL   offset is negative.
 *
 * @par Safety MT-Safe. Not AS-Safe: a fault is added to the registry under a lock. errno is left
 *             alone.
 * @par Cost   Without a fault: no system call and no lock, except that in files of tmpfs up to five
 *             system calls look for holes after the first hole of the file. In addition to the
 *             copy, two atomic additions and one lookup, O(log n) for n known bad ranges.
 * @par Source The Linux kernel's read path for DAX. The table at the top of this file shows the
 *             differences.
 * @since 0.1  @see mcsafe_pmem_salvage(), mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_pread(struct mcsafe_pmem *pmem, void *buf, size_t n,
						      off_t offset, struct mcsafe_fault *fault);

/**
 * Read to several buffers.
 *
 * @param      pmem    The mapping. Not NULL.
 * @param[in]  iov     The buffers, which are filled in order. NULL is allowed if nr_segs is 0.
 * @param      nr_segs Number of buffers. There is no upper limit.
 * @param      offset  As for mcsafe_pmem_pread().
 * @param[out] fault   As for mcsafe_pmem_pread().
 *
 * @return     As for mcsafe_pmem_pread(); also
 *             -EINVAL  mcsafe_iter_iovec() refuses iov, for example because the sum of the lengths
 *                      exceeds SSIZE_MAX.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pread(), mcsafe_pmem_read_iter()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_preadv(struct mcsafe_pmem *pmem,
						       const struct iovec *iov, size_t nr_segs,
						       off_t offset, struct mcsafe_fault *fault);

/**
 * Read to an iterator.
 *
 * If trusted memory (mcsafe_iter_kvec()) cannot be written, the program sees the fault as if this
 * library were not there. A handler or a guard may then leave this function by a jump. The mapping
 * can be closed nevertheless: mcsafe_pmem_close() does not wait for a call that stores to trusted
 * memory which has failed. If the handler returns and the store succeeds, the read continues. If
 * the mapping was closed meanwhile, the read ends there, with a short count. A call that was left
 * by a jump keeps one or two kilobytes of memory.
 *
 * @param         pmem    The mapping. Not NULL.
 * @param[in,out] it      A destination of any flavour. Advances by the number of bytes read.
 * @param         n       Number of bytes to read. If n exceeds the iterator's count, the count is
 *                        used.
 * @param         offset  As for mcsafe_pmem_pread().
 * @param[out]    fault   As for mcsafe_pmem_pread(). Not written if the descriptor of an iterator
 *                        of flavour FD failed.
 *
 * @return    As for mcsafe_pmem_pread(); also
 *            -EINVAL  The iterator is a source.
 *            -errno   Nothing was read, because the descriptor of an iterator of flavour FD failed.
 *                     mcsafe_iter_error() returns the same value.
 *
 * @par Safety MT-Safe for different iterators. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_copy_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_read_iter(struct mcsafe_pmem *pmem,
							  struct mcsafe_iter *it, size_t n,
							  off_t offset, struct mcsafe_fault *fault);

/**
 * Read all bytes that can be read, fill the others, and list them.
 *
 * @param         pmem    The mapping. Not NULL.
 * @param[out]    buf     Receives up to n bytes: the bytes of the mapping, or fill where the
 *                        mapping cannot be read.
 * @param         n       As for mcsafe_pmem_pread().
 * @param         offset  As for mcsafe_pmem_pread().
 * @param         fill    The value for bytes that cannot be read. Its low 8 bits are stored.
 * @param[out]    holes   Receives the ranges that could not be read, in ascending order, as far as
 *                        there is room. Their starts are offsets in the mapping, like `offset`.
 *                        Holes that touch are one hole. May be NULL if there is no room.
 * @param[in,out] nholes  In: the number of elements in holes. Out: the number of holes found, even
 *                        if there was no room for all of them. NULL: there is no room, and the
 *                        number is not wanted.
 *
 * @return    1..n      The number of bytes of buf that were written. Less than n: the end of the
 *                      file was reached, or the next byte of buf cannot be written.
 *            0         As for mcsafe_pmem_pread(). There are no holes.
 *            -EFAULT   The first byte of buf cannot be written.
 *            -EINVAL   offset is negative. nholes is not written.
 *
 * @par Poison A known bad range is not accessed. If a page raises a fault, this call does not read
 *             the page again; the bytes before the fault are delivered.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pread(), mcsafe_memcpy_holes()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_salvage(struct mcsafe_pmem *pmem, void *buf,
							size_t n, off_t offset, int fill,
							struct mcsafe_range *holes, size_t *nholes);

/**
 * Write to a mapping, like pwrite(2). The file does not grow.
 *
 * If stores become durable by flushing (MCSAFE_PMEM_BY_FLUSH), this function copies like
 * mcsafe_memcpy_flushcache() and then executes a fence: on return the bytes that were written are
 * durable, and nothing else was written. Otherwise call mcsafe_pmem_persist() to make them durable.
 *
 * Stores do not clear poison. Therefore writing stops at a range that is known to be bad, without
 * accessing it. Use mcsafe_pmem_repair() for such a range.
 *
 * If a store meets an I/O error, fallocate(2) asks the file system for the page. If the file system
 * gives one, the store is tried once more.
 *
 * If the file was truncated since the last open or refresh, stores between its new end and the end
 * of that page succeed, as with every mapping, and are lost. mcsafe_pmem_persist() tells.
 *
 * @param      pmem    The mapping. Not NULL.
 * @param[in]  buf     The n bytes to write. Must not lie in the mapping.
 * @param      n       Number of bytes to write. If n exceeds SSIZE_MAX, SSIZE_MAX is used.
 * @param      offset  Where to begin. Must not be negative.
 * @param[out] fault   As for mcsafe_pmem_pread(). The side says whether the mapping (DESTINATION)
 *                     or buf (SOURCE) could not be accessed.
 *
 * @return    1..n      The number of bytes that were written; durable if the persistence is
 *                      MCSAFE_PMEM_BY_FLUSH. Less than n: the end of the file was reached, or the
 *                      next byte cannot be written or read. The count is exact as for
 *                      mcsafe_memcpy_flushcache().
 *            0         n is 0.
 *            -EIO      The first byte cannot be written.
 *            -EFAULT   The first byte of buf cannot be read.
 *            -ENOSPC   offset is at or past the end of the file, and n is not 0. Or the file system
 *                      has no space for the page of the first byte: then a later call may succeed.
 *            -EBADF    The mapping was opened without MCSAFE_PMEM_WRITE.
 *            -EINVAL   offset is negative.
 *
 * @par Atomicity A write is not atomic. Other threads, and programs after a crash, may see any part
 *             of it, even a part of a word. To store a word as a whole, use mcsafe_store_u64().
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_persist(), mcsafe_pmem_repair(), mcsafe_memcpy_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_pwrite(struct mcsafe_pmem *pmem, const void *buf,
						       size_t n, off_t offset,
						       struct mcsafe_fault *fault);

/**
 * Write from several buffers.
 *
 * @param      pmem    The mapping. Not NULL.
 * @param[in]  iov     The buffers, which are written in order. NULL is allowed if nr_segs is 0.
 * @param      nr_segs Number of buffers. There is no upper limit.
 * @param      offset  As for mcsafe_pmem_pwrite().
 * @param[out] fault   As for mcsafe_pmem_pwrite().
 *
 * @return     As for mcsafe_pmem_pwrite(); also
 *             -EINVAL  mcsafe_iter_iovec() refuses iov, for example because the sum of the lengths
 *                      exceeds SSIZE_MAX.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pwrite()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_pwritev(struct mcsafe_pmem *pmem,
							const struct iovec *iov, size_t nr_segs,
							off_t offset, struct mcsafe_fault *fault);

/**
 * Write from an iterator.
 *
 * @param         pmem    The mapping. Not NULL.
 * @param[in,out] it      A source of any flavour. Advances by the number of bytes written.
 * @param         n       Number of bytes to write. If n exceeds the iterator's count, the count is
 *                        used.
 * @param         offset  As for mcsafe_pmem_pwrite().
 * @param[out]    fault   As for mcsafe_pmem_pwrite(). Not written if the descriptor of an iterator
 *                        of flavour FD failed.
 *
 * @return    As for mcsafe_pmem_pwrite(); also
 *            -EINVAL  The iterator is a destination.
 *            -errno   Nothing was written, because the descriptor of an iterator of flavour FD
 *                     failed. mcsafe_iter_error() returns the same value.
 *
 * @par Safety MT-Safe for different iterators. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_copy_from_iter_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_write_iter(struct mcsafe_pmem *pmem,
							   struct mcsafe_iter *it, size_t n,
							   off_t offset,
							   struct mcsafe_fault *fault);

/**
 * Make stores to the mapping durable, including stores that the program made itself.
 *
 * If stores become durable by flushing, each cache line is written back with CLWB, CLFLUSHOPT or
 * CLFLUSH, and SFENCE follows. Otherwise msync(2) is called. Then fstat(2) tells whether the file
 * still has the range.
 *
 * @param pmem    The mapping. Not NULL.
 * @param offset  Where to begin. Must not be negative.
 * @param n       Number of bytes. Bytes past the end of the file are ignored. The cache lines (or
 *                pages) at both ends are made durable as a whole.
 *
 * @return     0        The stores are durable.
 *             -EIO     A part of the range can no longer be accessed, could not be written to the
 *                      medium, or is past the end of the file, which was truncated since the last
 *                      open or refresh. It is not known which part of the range is durable.
 *                      Memory of the caller may go past the end that its file had at open: what is
 *                      in the last page past that end is not missed until the page is gone. If the
 *                      program has closed the descriptor, or passed none, nobody can be asked, and
 *                      only pages that cannot be accessed any more are missed.
 *             -ENOSPC  The file system had no space for data that were stored earlier. It is not
 *                      known which part of the range is durable.
 *             -EBADF   The mapping was opened without MCSAFE_PMEM_WRITE.
 *             -EINVAL  offset is negative.
 *
 * @par Poison Flushing skips ranges that are known to be bad: they hold no data.
 * @par Cost   Flushing, or msync(2); and one fstat(2). For 64 bytes that are flushed, fstat(2) was
 *             measured as half of the time: 0.38 microseconds with it, 0.20 without (memory of the
 *             caller without a descriptor). mcsafe_pmem_pwrite() makes no system call.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pwrite()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_persist(struct mcsafe_pmem *pmem, off_t offset,
						    size_t n);

/**
 * Repair a bad range by writing new data.
 *
 * The function writes the data, makes it durable, reads it back through the mapping and compares
 * it. Only then does it remove the range from the registry. Until then, reads stop before the
 * range. How the data is written depends on the mapping:
 *
 *   a file             pwrite(2), which clears poison on persistent memory. If this fails with EIO
 *                      or EHWPOISON, it is done page by page, and a hole is punched for each page
 *                      with which it fails again; but only for files in memory (tmpfs, memfd,
 *                      hugetlbfs), or if the mapping was opened with MCSAFE_PMEM_PUNCH. No other
 *                      error (ENOSPC, for example) leads to a hole. Files of hugetlbfs are stored
 *                      to through the mapping. If the data cannot be read back through the mapping,
 *                      the pages are mapped anew.
 *   memory, a file     The same for the file. The mapping of the caller is mapped anew too;
 *                      protection, advice and policy stay as they were. If the caller's memory is
 *                      not readable, it is not mapped anew, and the repair fails.
 *   memory, no file    Private anonymous pages are replaced by new pages, in one step. The new
 *                      pages take over protection, protection key, name, mlock(2), madvise(2) and
 *                      the policy of mbind(2) of the old ones. The policy is lost if a sandbox
 *                      refuses get_mempolicy(2) with EPERM; the home node of
 *                      set_mempolicy_home_node(2) is always lost, because the kernel does not tell
 *                      it. Pages that are not readable, that are executable or a stack, that a
 *                      userfaultfd(2) watches, or that have another attribute which the library
 *                      does not know (/proc/self/smaps shows them), are not replaced. Other memory
 *                      cannot be repaired.
 *   device-dax         The firmware clears the poison. libndctl asks it to (MCSAFE_WITH_NDCTL when
 *                      the library was built; root only). The data is stored through the mapping
 *                      and flushed out of the caches, once before the poison is cleared and once
 *                      after. The same applies to memory that was opened with a device-dax
 *                      descriptor.
 *
 * If a file is not DAX, reading back reads the page cache. Then only fdatasync(2) tells whether the
 * disk has the data. If fdatasync(2) reports EIO, the error can be an older one. Therefore the data
 * is written once more, and only the second result counts.
 *
 * The file must stand still. Before each piece of up to 256 KiB and after it, the function checks
 * that the descriptor is still the file that was opened, and that the size has not changed. If not,
 * it stops, and the piece does not count. A write that is under way while somebody truncates the
 * file makes it as long as that write is.
 *
 * If the machine crashes or the process is killed, each page is either still bad or has the new
 * data, with three exceptions:
 *
 *   - After a hole was punched and before the data is written, the range reads as zeros.
 *   - If the kernel clears poison before it writes, and the machine stops in between, the range
 *     holds zeros or whatever the medium left there.
 *   - On device-dax, the same happens if the process is killed after the poison was cleared and
 *     before the data is stored again, unless clearing keeps the data that was stored before.
 *
 * Only the kernel removes entries from its own list of bad blocks. Therefore this function never
 * loses the entry of a range that is still bad.
 *
 * On device-dax, a page that raised a machine check and was repaired is good for loads and stores.
 * But Linux 6.1 does not take the page back into its own mapping before the machine is rebooted:
 * reading the page by ptrace(2) or /proc/PID/mem panics the kernel, and so may direct I/O from it.
 *
 * @param     pmem    The mapping. Not NULL.
 * @param[in] data    The n bytes to write. Must not lie in the mapping. NULL: zeros.
 * @param     n       Number of bytes: a multiple of `align` of mcsafe_pmem_get_info(), or all bytes
 *                    up to the end of the file. For memory without a file only the former: others
 *                    may store to the rest of the last page at any time. The size of the file must
 *                    not have changed since it was opened or refreshed. On persistent memory, an
 *                    end of the file that is not a multiple of the page size can be repaired with
 *                    MCSAFE_PMEM_PUNCH only, because the kernel clears poison in whole pages.
 * @param     offset  Where to begin: a multiple of `align`.
 *
 * @return    1..n         The number of bytes that are good now. Less than n: the next page could
 *                         not be repaired and is still bad; another call for it returns the reason.
 *                         Good pages after the bad one hold the old data or the new data.
 *            0            n is 0, whatever offset is, unless it is negative.
 *            -EINVAL      offset is negative; offset or n is not aligned; the range ends past the
 *                         end of the file (also for memory with a file); the size of the file has
 *                         changed; the range is the end of memory with a device-dax descriptor or
 *                         without a file, and the memory ends inside a page; or the descriptor has
 *                         O_APPEND, with which Linux always writes at the end. Nothing was done,
 *                         unless the size changed during the call.
 *            -EBADF       The mapping was opened without MCSAFE_PMEM_WRITE. Or the descriptor is no
 *                         longer the file that was opened: see "Descriptors" at the top.
 *            -EFAULT      data cannot be read.
 *            -EOPNOTSUPP  Such memory cannot be repaired, see above. Device-dax: libndctl is
 *                         missing, or the device belongs to no region whose firmware can clear
 *                         poison.
 *            -ENOMEM      Out of memory.
 *            -ENOSPC      The file system has no space. Good pages have their data still.
 *            -EIO, -errno Other errors of pwrite(2), fallocate(2) or fdatasync(2), for memory
 *                         without a file of mlock(2), madvise(2), mbind(2) or mremap(2), for
 *                         device-dax of open(2) and ioctl(2) of /dev/ndctlN. -EIO also if the data
 *                         cannot be read back, or if the firmware refuses to clear a part of the
 *                         range. Nothing was repaired, and the range is still in the registry.
 *
 * @par Safety MT-Safe: one repair runs at a time and others wait; reads continue. Not AS-Safe.
 *             errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_next(), ndctl-clear-errors(1)
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_repair(struct mcsafe_pmem *pmem, const void *data,
						       size_t n, off_t offset);

/**
 * Get the registry of a mapping: to look up ranges, add ranges, save ranges and load ranges.
 *
 * @param pmem  The mapping. Not NULL.
 * @return      The registry, valid until mcsafe_pmem_close(). Never NULL. Its offsets are those of
 *              the functions here. The caller must not destroy it.
 *
 * @par Safety  MT-Safe, AS-Safe
 * @since 0.1   @see mcsafe_badblocks_next()
 */
MCSAFE_API struct mcsafe_badblocks *mcsafe_pmem_badblocks(struct mcsafe_pmem *pmem);

/**
 * Ask the kernel again which ranges are bad, and add them to the registry.
 *
 * @param      pmem    The mapping. Not NULL.
 * @param[out] answer  Receives the answer, as for mcsafe_badblocks_ask(). Not NULL.
 *
 * @return     0        The kernel answered: see answer->state.
 *             -ENOTSUP The mapping is memory without a file: there is nothing to ask about. The
 *                      state is MCSAFE_BADBLOCKS_NOT_ASKED.
 *             -errno   As for mcsafe_badblocks_ask().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_ask()
 */
MCSAFE_API int mcsafe_pmem_ask(struct mcsafe_pmem *pmem, struct mcsafe_badblocks_answer *answer);

/**
 * Add the memory that an early notice reports as lost, if it lies in this mapping.
 *
 * @param     pmem    The mapping. Not NULL.
 * @param[in] notice  A notice of mcsafe_notice_read(). Not NULL.
 *
 * @return    1        The lost memory lies in this mapping, and was added.
 *            0        The lost memory lies elsewhere.
 *            -ENOMEM  Out of memory.
 *
 * @par Safety MT-Safe. Not AS-Safe: the function that was passed to mcsafe_on_notice() must not
 *             call it. errno is left alone.
 * @since 0.1  @see mcsafe_notice_read()
 */
MCSAFE_API int mcsafe_pmem_notice(struct mcsafe_pmem *pmem, const struct mcsafe_notice *notice);

/**
 * Read all of the mapping in the calling thread, to find bad memory before the program needs it.
 *
 * Like mcsafe_scrub_run(), but with what only the file can tell. Pages past the new end of a file
 * that was truncated are not added to the registry. A page with an I/O error is added if pread(2)
 * of it fails too. Holes in files of tmpfs are not read: there is nothing to lose, and reading them
 * takes memory. Such holes are found only if the library has mapped the file. The position of the
 * caller's own descriptor does not move: without /proc, a file that was opened by its descriptor is
 * read with its holes. For a scrub in the background, pass base, size and registry of the mapping
 * to mcsafe_scrub_create(). Destroy that scrub before mcsafe_pmem_close().
 *
 * @param      pmem      The mapping. Not NULL. The size is that of the last open or refresh.
 * @param[in]  options   As for mcsafe_scrub_create(). NULL: all of the mapping, without a limit of
 *                       the rate, and without callbacks. The callbacks can stop the run, but must
 *                       not close the mapping.
 * @param[out] progress  Receives the progress, for the start of the next run. NULL if not wanted.
 *                       Unchanged for -EINVAL, and for -ENOMEM if no run was started.
 *
 * @return     0           The scrub is complete.
 *             -ECANCELED  The progress function returned another value than 0.
 *             -EFAULT     A part of the memory is not mapped or not readable.
 *             -EINVAL     options->start exceeds the size, or options->recheck is neither 0 nor 1.
 *             -ENOMEM     Out of memory.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_create(), mcsafe_scrub_run()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_scrub(struct mcsafe_pmem *pmem,
						  const struct mcsafe_scrub_options *options,
						  struct mcsafe_scrub_progress *progress);

/**
 * Map the file once more, under a shield, for code that wants a pointer.
 *
 * The bytes of the file are at *base, from the start of the mapping on, as many as it has now. Code
 * that cannot be changed may load from there, and store there if the mapping was opened with
 * MCSAFE_PMEM_WRITE. Where memory fails, a stand-in takes its place: see mcsafe_shield_open().
 * Reads and writes of this header do not use that mapping, so they never find a stand-in.
 *
 * Known bad ranges get their stand-ins here, in whole pages, and are not accessed. on_loss is
 * called for them, and must return: a jump out of this function would leave its locks held.
 *
 * A page that fails later is added to the registry if it is lost, as the fault of a read would add
 * it: if it was poisoned, or if pread(2) of it fails too. A page past the end of the file is not
 * added. The signal handler cannot do that: the next read, write, scrub, refresh, repair or
 * mcsafe_pmem_ask() does, and mcsafe_pmem_unshield(). A read of 0 bytes is enough.
 *
 * mcsafe_pmem_repair() gives the pages that it has repaired back to the mapping. What was stored to
 * the stand-ins is lost. mcsafe_pmem_refresh() gives back what is whole again, for example because
 * the file has grown, except known bad ranges. The mapping keeps its length: if the file becomes
 * longer than that, call mcsafe_pmem_unshield() and this function again.
 *
 * @param      pmem     The mapping. Not NULL. Device-dax, files and memory with a file.
 * @param[in]  options  As for mcsafe_shield_open(), with flags 0. NULL: zeros, and no function.
 * @param[out] base     Receives the address. Not NULL. Unchanged after a failure.
 * @param[out] shield   Receives the shield, for mcsafe_shield_lost(), _carried(), _next(), _touch()
 *                      and _restore(). The caller must not close it. Not NULL. Unchanged after a
 *                      failure.
 *
 * @return     0          Success.
 *             -EEXIST    There is such a mapping already.
 *             -ENOTSUP   The mapping is memory without a file.
 *             -EBADF     The descriptor is no longer the file that was opened.
 *             -ENODATA   The file is empty, or /proc/self/maps cannot be read.
 *             -EINVAL, -E2BIG, -ESPIPE, -EMFILE, -ENFILE, -ENOMEM  As for mcsafe_shield_open().
 *             -EIO       The mirror cannot give a page that is known to be bad.
 *             -errno     Other errors of mmap(2).
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @par Cost   A mapping of the file, and 2 bits for each page, which take memory when the page is
 *             lost.
 * @since 0.1  @see mcsafe_pmem_unshield(), mcsafe_shield_open()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_shield(struct mcsafe_pmem *pmem,
						   const struct mcsafe_shield_options *options,
						   void **base, struct mcsafe_shield **shield);

/**
 * Close the shield of mcsafe_pmem_shield(), and unmap its mapping.
 *
 * No thread may use the address or the shield any more. mcsafe_pmem_close() does the same. Nothing
 * is done if there is no shield.
 *
 * @param pmem  The mapping. Not NULL.
 *
 * @return      0        Done.
 *              -ENOMEM  As for mcsafe_shield_close(). The shield is still open.
 *
 * @par Safety  MT-Safe. Not AS-Safe: on_loss must not call it. errno is left alone.
 * @since 0.1   @see mcsafe_pmem_shield()
 */
MCSAFE_API int mcsafe_pmem_unshield(struct mcsafe_pmem *pmem);

MCSAFE_END_DECLS

#endif /* MCSAFE_PMEM_H */
