/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem.h - files, devices and memory that are mapped, and fail like files
 *
 * What the kernel does for read(2) and write(2) of a file on persistent memory (DAX), over a
 * mapping of the program: reads that return a short count or -EIO where memory is bad, instead of
 * a signal that kills; a memory of what is bad; repair.
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
 * mcsafe_install() must have been called: without it a fault kills the process. SIGBUS and SIGSEGV
 * must be unblocked in each thread that reads or writes.
 *
 * Known bad ranges. Each mapping has one registry (badblocks.h). What is in it is not touched by
 * any function but mcsafe_pmem_repair(), in whole 64-byte lines. It is fed by
 *
 *   mcsafe_pmem_open()    with what the kernel knows, and mcsafe_pmem_ask() again
 *   a read or a write     that meets poison, or an I/O error of a page that is in the file
 *   mcsafe_pmem_notice()  with early notices of lost memory
 *   the program           with mcsafe_badblocks_add(), mcsafe_badblocks_load(), a scrub
 *
 * How much is lost with a fault:
 *
 *   cause      what is noted
 *   POISON     The block that the kernel names. With DAX, the page of it: the rest of a block
 *              that was mapped as one can be read.
 *   IO         The page, if it lies before the present end of the file, and still fails when
 *              one byte of it is read again (which is a page fault, and consumes nothing).
 *              Otherwise nothing: the file was truncated, or a store found no space.
 *   UNKNOWN    The page: the kernel could not tell where the memory error is.
 *   others     Nothing: such a mapping error says nothing about the medium, and may be of one
 *              thread only, pkeys(7).
 *
 * Whatever the cause, a part of the mapping that cannot be accessed is -EIO, and a buffer of the
 * caller that cannot be accessed is -EFAULT.
 *
 * Beside pread(2) and pwrite(2) of the same file with DAX, measured (Linux 6.1):
 *
 *   read                                    pread(2)           mcsafe_pmem_pread()
 *   good bytes before poison not yet met    short count        short count
 *   poison at the first byte, not yet met   -1, EFAULT         -EIO
 *   good bytes before poison that is known  -1, EIO            short count, nothing touched
 *   known poison at the first byte          -1, EIO            -EIO, nothing touched
 *   end of the file                         0                  0
 *
 * fork: a child may use what it inherits only if no other thread was in a function of this header
 * when it was made, and must not repair: it has its own registry from then on. Better open anew.
 */
#ifndef MCSAFE_PMEM_H
#define MCSAFE_PMEM_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mcsafe/badblocks.h>
#include <mcsafe/compiler.h>
#include <mcsafe/copy.h>
#include <mcsafe/fault.h>
#include <mcsafe/iter.h>
#include <mcsafe/notice.h>
#include <mcsafe/scrub.h>

MCSAFE_BEGIN_DECLS

/** A mapping, and what is known of it. */
struct mcsafe_pmem;

/** How to open: any of these, ORed. */
enum mcsafe_pmem_flag {
	MCSAFE_PMEM_WRITE = 1,  /**< for writing and repair as well */
	MCSAFE_PMEM_FLUSH = 2,  /**< mcsafe_pmem_open_memory(): flushing the caches makes stores
	                             durable, as with MAP_SYNC or device-dax; otherwise msync(2) */
	MCSAFE_PMEM_NO_ASK = 4, /**< do not ask the kernel for bad blocks */
	MCSAFE_PMEM_PUNCH = 8   /**< repair may punch a hole into a file on a disk where writing
	                             does not help; see mcsafe_pmem_repair() */
};

/** What was opened. */
enum mcsafe_pmem_kind {
	MCSAFE_PMEM_FILE = 0,   /**< a file, or a block device */
	MCSAFE_PMEM_DEVICE = 1, /**< a device-dax node */
	MCSAFE_PMEM_MEMORY = 2  /**< memory that the caller has mapped */
};

/** How stores become durable. */
enum mcsafe_pmem_persistence {
	MCSAFE_PMEM_BY_FLUSH = 0, /**< caches are written back, then SFENCE; no system call */
	MCSAFE_PMEM_BY_MSYNC = 1  /**< msync(2) */
};

/** What the program got, from mcsafe_pmem_get_info(). */
struct mcsafe_pmem_info {
	enum mcsafe_pmem_kind kind;
	enum mcsafe_pmem_persistence persistence;
	int dax;          /**< 1: the mapping is the medium, without a page cache; 0: not, or not
	                        known (memory) */
	int sync;         /**< 1: MAP_SYNC or device-dax: flushing is enough; 0: not */
	int writable;     /**< 1: opened with MCSAFE_PMEM_WRITE; 0: not */
	void *base;       /**< start of the mapping. mcsafe_pmem_refresh() may move it */
	size_t size;      /**< bytes that can be read: the size at the last open or refresh */
	size_t page_size; /**< of a page of the mapping: 4096, a huge page's, a device's alignment */
	size_t align;     /**< what start and length of a repair are to be multiples of: 4096, or a
	                        huge page's of hugetlbfs */
	void *reserved[4]; /**< NULL; room to grow without a new ABI */
};

/**
 * Open and map a file, a block device or a device-dax node.
 *
 * A file on a file system that has it is mapped with MAP_SYNC, otherwise it is an ordinary shared
 * mapping. Size and alignment of a device-dax node are taken from sysfs. The kernel is asked for
 * bad blocks; that it cannot be asked is no error, see mcsafe_pmem_ask().
 *
 * @param[out] pmem   Receives what is to be given back by mcsafe_pmem_close(). Not NULL. Unchanged
 *                    after a failure.
 * @param[in]  path   Its name. Not NULL.
 * @param      flags  MCSAFE_PMEM_WRITE, MCSAFE_PMEM_NO_ASK, MCSAFE_PMEM_PUNCH, or 0.
 *
 * @return     0           Open. mcsafe_pmem_get_info() says what it is.
 *             -EINVAL     A flag that is not one of those.
 *             -ENODEV     It is no file, block device or device-dax node.
 *             -EOVERFLOW  A file of more than SSIZE_MAX / 4 bytes.
 *             -ENOMEM     There is no memory, or no room for the mapping.
 *             -EBADMSG    sysfs has no size or alignment for the device.
 *             -errno      Otherwise, as open(2), fstat(2) and mmap(2) give it.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open_fd(), mcsafe_pmem_close(), mcsafe_pmem_get_info()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open(struct mcsafe_pmem **pmem, const char *path,
						 int flags);

/**
 * Map what a descriptor refers to.
 *
 * mcsafe_pmem_open() for a file that is open already, a memfd say. The descriptor is duplicated:
 * the caller's own may be closed.
 *
 * @param[out] pmem   As for mcsafe_pmem_open().
 * @param      fd     A descriptor that is open for reading, and for writing too if flags say so.
 * @param      flags  As for mcsafe_pmem_open().
 *
 * @return     0        Open.
 *             -EBADF   fd is not open.
 *             -EACCES  It is not open for reading; or not for writing, with MCSAFE_PMEM_WRITE.
 *             others   As for mcsafe_pmem_open().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open_fd(struct mcsafe_pmem **pmem, int fd, int flags);

/**
 * Take memory that the caller has mapped: anonymous, of a file, by libpmem2, ...
 *
 * The memory stays the caller's, who unmaps it after mcsafe_pmem_close(). Until then it must stay
 * mapped where it is; mcsafe_pmem_repair() may put other pages there.
 *
 * @param[out] pmem    As for mcsafe_pmem_open().
 * @param      base    Its start, a multiple of 4096. It need not be readable.
 * @param      len     Its length in bytes, 1 .. SSIZE_MAX; the end is not to wrap around.
 * @param      fd      The file that is mapped there, shared, for asking the kernel and for repair.
 *                     Duplicated. -1: no file: private anonymous memory can be repaired, other
 *                     memory cannot.
 * @param      offset  Where in the file the mapping begins, a multiple of 4096. 0 without a file.
 * @param      flags   MCSAFE_PMEM_WRITE if the memory is mapped for writing; MCSAFE_PMEM_FLUSH,
 *                     _NO_ASK, _PUNCH; or 0.
 *
 * @return     0        Open. Offsets of all functions count from base.
 *             -EINVAL  base, len or offset are not as above; or a flag that is not one of those.
 *             -EBADF, -EACCES  As for mcsafe_pmem_open_fd(), unless fd is -1.
 *             -ENOMEM  There is no memory.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_open_memory(struct mcsafe_pmem **pmem, void *base,
							size_t len, int fd, off_t offset,
							int flags);

/**
 * Close it, and unmap what was mapped.
 *
 * Calls that are running in other threads are waited for. None may begin after this has begun, nor
 * may it be called from within one of them (a scrub's callback).
 *
 * @param pmem  What was opened; invalid afterwards. NULL: nothing is done.
 *
 * @par Safety  MT-Safe for different mappings. Not AS-Safe. errno is left alone.
 * @since 0.1   @see mcsafe_pmem_open()
 */
MCSAFE_API void mcsafe_pmem_close(struct mcsafe_pmem *pmem);

/**
 * Say what was opened.
 *
 * @param[in]  pmem  What was opened. Not NULL.
 * @param[out] info  Receives it. Not NULL.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1  @see mcsafe_pmem_open()
 */
MCSAFE_API void mcsafe_pmem_get_info(const struct mcsafe_pmem *pmem, struct mcsafe_pmem_info *info);

/**
 * Take the file's present size.
 *
 * When a file has grown, nothing behind the old end can be read or written before this is called.
 * When it was truncated, reads behind the new end are I/O errors, with an exact count, until this
 * is called; they are the end of the file afterwards, and what was known to be bad there is
 * forgotten. The last page of a truncated file reads zeros behind the end until then. Does nothing
 * for devices of device-dax and for memory, which keep their size.
 *
 * A mapping that has become too small is replaced by a larger one, in another place. The old one
 * stays as long as this is open: a read that uses it goes on. As each is at least twice as large
 * as the one before, there are few.
 *
 * @param pmem  What was opened. Not NULL.
 *
 * @return     0         The size is the present one.
 *             -ENOMEM, -EOVERFLOW, -errno  As for mcsafe_pmem_open(). The size is as before.
 *
 * @par Safety MT-Safe, with reads and writes at the same time; waits for a repair. Not AS-Safe.
 *             errno is left alone.
 * @since 0.1  @see mcsafe_pmem_get_info()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_refresh(struct mcsafe_pmem *pmem);

/**
 * Read.
 *
 * pread(2) from the mapping. Reading stops at the first byte that is known to be bad, without
 * touching it, and at the first that turns out to be. What is behind can be asked for at once, by
 * its offset.
 *
 * @param      pmem    What was opened. Not NULL.
 * @param[out] buf     Receives up to n bytes. Not in the mapping.
 * @param      n       Bytes wanted; more than SSIZE_MAX counts as that. 0: nothing is done.
 * @param      offset  Where to begin, not negative.
 * @param[out] fault   Receives what stopped it; NULL if not wanted. Written if and only if memory
 *                     did: reading stopped before n bytes and before the end of the file. A range
 *                     that was known to be bad: signo 0, cause IO, and addr its first byte.
 *
 * @return    1..n      So many bytes were read to buf: all that was asked for; or up to the end;
 *                      or up to the first byte that cannot be read, exactly as mcsafe_memcpy().
 *                      The rest of buf is as it was.
 *            0         n is 0; or offset is at the end or behind it.
 *            -EIO      The first byte cannot be read.
 *            -EFAULT   The first byte of buf cannot be written.
 *            -EINVAL   offset is negative.
 *
 * @par Safety MT-Safe. Not AS-Safe: a fault is noted under a lock. errno is left alone.
 * @par Cost   No system call, no lock, unless there is a fault; two atomic additions beyond the
 *             copy, and a lookup of O(log n) with n known bad ranges.
 * @par Source Semantics of the Linux kernel's read path for DAX, but for what the table at the head
 *             of this file says.
 * @since 0.1  @see mcsafe_pmem_salvage(), mcsafe_memcpy()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_pread(struct mcsafe_pmem *pmem, void *buf, size_t n,
						      off_t offset, struct mcsafe_fault *fault);

/**
 * Read to several buffers.
 *
 * @param      pmem    What was opened. Not NULL.
 * @param[in]  iov     The buffers, filled one after the other. NULL is allowed when there is none.
 * @param      nr_segs How many, any number.
 * @param      offset  As for mcsafe_pmem_pread().
 * @param[out] fault   As for mcsafe_pmem_pread().
 *
 * @return     As for mcsafe_pmem_pread(); and
 *             -EINVAL  the lengths sum up to more than SSIZE_MAX.
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
 * @param         pmem    What was opened. Not NULL.
 * @param[in,out] it      A destination of any flavour. Advances by what was read.
 * @param         n       Bytes wanted, no more than the iterator has left.
 * @param         offset  As for mcsafe_pmem_pread().
 * @param[out]    fault   As for mcsafe_pmem_pread(). Not written if the descriptor of an iterator
 *                        of flavour FD failed.
 *
 * @return    As for mcsafe_pmem_pread(); and
 *            -EINVAL  the iterator is a source.
 *            -errno   nothing was read, and mcsafe_iter_error() says this: an error of the
 *                     descriptor of an iterator of flavour FD.
 *
 * @par Safety MT-Safe for different iterators. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_copy_to_iter()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_read_iter(struct mcsafe_pmem *pmem,
							  struct mcsafe_iter *it, size_t n,
							  off_t offset, struct mcsafe_fault *fault);

/**
 * Read all that can be read, fill the rest, and list it.
 *
 * @param         pmem    What was opened. Not NULL.
 * @param[out]    buf     Receives up to n bytes; fill where the mapping cannot be read.
 * @param         n       As for mcsafe_pmem_pread().
 * @param         offset  As for mcsafe_pmem_pread().
 * @param         fill    The value for what cannot be read; its low 8 bits are stored.
 * @param[out]    holes   Receives what could not be read, as offsets like `offset`, in ascending
 *                        order, as far as there is room. Holes that touch are one. May be NULL if
 *                        there is no room.
 * @param[in,out] nholes  In: the room in holes, as a number of elements. Out: the holes found, also
 *                        if that is more than the room. NULL: no room, and not wanted.
 *
 * @return    1..n      So many bytes of buf are written, up to the end of the file. Less also if
 *                      buf cannot be written there.
 *            0         As for mcsafe_pmem_pread(): there are no holes.
 *            -EFAULT   The first byte of buf cannot be written.
 *            -EINVAL   offset is negative. Nothing is written to nholes.
 *
 * @par Poison A known bad range is left out without being touched. A page that raises a fault is
 *             not read again by the call; what was before the fault is delivered.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pread(), mcsafe_memcpy_holes()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_salvage(struct mcsafe_pmem *pmem, void *buf,
							size_t n, off_t offset, int fill,
							struct mcsafe_range *holes, size_t *nholes);

/**
 * Write.
 *
 * pwrite(2) to the mapping, which cannot grow by it. Where stores become durable by flushing, this
 * is a copy of mcsafe_memcpy_flushcache() and a fence: what the count says is durable on return,
 * and nothing else was written. Elsewhere mcsafe_pmem_persist() makes it durable.
 *
 * Stores do not clear poison, so writing stops at a range that is known to be bad, without
 * touching it: that is for mcsafe_pmem_repair().
 *
 * @param      pmem    What was opened. Not NULL.
 * @param[in]  buf     n bytes, not in the mapping.
 * @param      n       Bytes to write; more than SSIZE_MAX counts as that.
 * @param      offset  Where to begin, not negative.
 * @param[out] fault   As for mcsafe_pmem_pread(), of either side.
 *
 * @return    1..n      So many bytes were written, and are durable if the method is BY_FLUSH; up to
 *                      the end, or the first byte that cannot be written or read. As
 *                      mcsafe_memcpy_flushcache().
 *            0         n is 0.
 *            -EIO      The first byte cannot be written.
 *            -EFAULT   The first byte of buf cannot be read.
 *            -ENOSPC   offset is at the end or behind it.
 *            -EBADF    It was opened without MCSAFE_PMEM_WRITE.
 *            -EINVAL   offset is negative.
 *
 * @par Atomicity Other threads may see any part of it. After a crash each aligned 8-byte word holds
 *             either its old or its new value.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_persist(), mcsafe_pmem_repair(), mcsafe_memcpy_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_pwrite(struct mcsafe_pmem *pmem, const void *buf,
						       size_t n, off_t offset,
						       struct mcsafe_fault *fault);

/**
 * Write from several buffers.
 *
 * @param      pmem    What was opened. Not NULL.
 * @param[in]  iov     The buffers, written one after the other. NULL is allowed when there is none.
 * @param      nr_segs How many, any number.
 * @param      offset  As for mcsafe_pmem_pwrite().
 * @param[out] fault   As for mcsafe_pmem_pwrite().
 *
 * @return     As for mcsafe_pmem_pwrite(); and
 *             -EINVAL  the lengths sum up to more than SSIZE_MAX.
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
 * @param         pmem    What was opened. Not NULL.
 * @param[in,out] it      A source of any flavour. Advances by what was written.
 * @param         n       Bytes to write, no more than the iterator has left.
 * @param         offset  As for mcsafe_pmem_pwrite().
 * @param[out]    fault   As for mcsafe_pmem_pwrite(). Not written if a descriptor failed.
 *
 * @return    As for mcsafe_pmem_pwrite(); and
 *            -EINVAL  the iterator is a destination.
 *            -errno   nothing was written, and mcsafe_iter_error() says this: an error of the
 *                     descriptor of an iterator of flavour FD.
 *
 * @par Safety MT-Safe for different iterators. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_copy_from_iter_flushcache()
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_write_iter(struct mcsafe_pmem *pmem,
							   struct mcsafe_iter *it, size_t n,
							   off_t offset,
							   struct mcsafe_fault *fault);

/**
 * Make stores to the mapping durable, also those that the program did itself.
 *
 * By flushing: CLWB, CLFLUSHOPT or CLFLUSH for each line, then SFENCE. Otherwise msync(2).
 *
 * @param pmem    What was opened. Not NULL.
 * @param offset  Where to begin, not negative.
 * @param n       Bytes; what lies behind the end is left out. The lines, or pages, at both ends are
 *                done whole.
 *
 * @return     0        Durable.
 *             -EIO     Part of it cannot be accessed any more, or could not be written to the
 *                      medium. What is durable is not known.
 *             -EBADF   It was opened without MCSAFE_PMEM_WRITE.
 *             -EINVAL  offset is negative.
 *
 * @par Poison Flushing passes over what is known to be bad, which holds no data.
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_pmem_pwrite()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_persist(struct mcsafe_pmem *pmem, off_t offset,
						    size_t n);

/**
 * Give a bad range back, with new data.
 *
 * The data are put in place and made durable, then read back through the mapping and compared, and
 * only then the range is good in the registry: until then readers stop before it. What is tried, in
 * this order:
 *
 *   a file             pwrite(2), which clears poison on persistent memory; then a hole is
 *                      punched and the data written, for memory files (tmpfs, memfd, hugetlbfs),
 *                      and for others with MCSAFE_PMEM_PUNCH. If the mapping still fails, the
 *                      pages are mapped anew.
 *   memory, a file     the same with the file; its mapping is the caller's, and mapped anew too
 *   memory, no file    private anonymous pages are replaced by new ones, in one step; other
 *                      memory is not
 *   device-dax         the firmware clears the poison, asked by libndctl (MCSAFE_WITH_NDCTL when
 *                      the library was built; by root only), and the data are stored through the
 *                      mapping, and flushed out of the caches, before it and after it. Also for
 *                      memory over such a descriptor
 *
 * What is read back of a file that is not DAX comes from the page cache: that the disk has it is
 * what fdatasync(2) says. If that reports an error, the data are written once more, since it may
 * be an older one, and only the second answer counts.
 *
 * A crash or a kill at any moment leaves each page bad, or with the new data. There are three
 * exceptions: with a hole punched the range reads as zeros in between; where the kernel clears
 * poison before it writes, a machine that stops in between may leave zeros, or what the medium
 * makes of it; and with device-dax a kill in between does so too, if clearing does not keep what was
 * stored before. The kernel's own record is removed by the kernel only, so one of a range that is
 * still bad is never lost by this function.
 *
 * Device-dax, on Linux 6.1: a page that raised a machine check, and was repaired, is good for loads
 * and stores. But the kernel does not take it back into its own mapping before the machine is
 * started anew: reading it by ptrace(2) or /proc/PID/mem panics, and so may direct I/O from there.
 *
 * @param     pmem    What was opened. Not NULL.
 * @param[in] data    n bytes, not in the mapping; NULL: zeros.
 * @param     n       Bytes: a multiple of the alignment that mcsafe_pmem_get_info() gives, or up to the
 *                    end of the file, which must not have changed since it was opened or refreshed.
 * @param     offset  Where to begin: a multiple of the same alignment.
 *
 * @return    1..n         So many bytes are good: n, or fewer if what follows could not be repaired,
 *                         and is bad as before; to ask for it again says why. Good pages behind
 *                         that have the old data or the new.
 *            0            n is 0.
 *            -EINVAL      offset is negative, offset or n are not aligned, or they end behind the
 *                         end of the file, that of memory over a file included; or, of memory over
 *                         device-dax that ends inside a page, the last part; or the descriptor has
 *                         O_APPEND, with which Linux writes at the end always: nothing was done.
 *            -EBADF       It was opened without MCSAFE_PMEM_WRITE.
 *            -EFAULT      data cannot be read.
 *            -EOPNOTSUPP  Such memory cannot be repaired, see above. Device-dax: libndctl is not
 *                         there, or the device is of no region whose firmware can clear.
 *            -ENOMEM      There is no memory.
 *            -EIO, -errno Otherwise, as pwrite(2), fallocate(2) or fdatasync(2) give it, for
 *                         device-dax as open(2) and ioctl(2) of /dev/ndctlN: nothing was repaired,
 *                         and what was bad is still known as bad. -EIO also if the firmware refuses
 *                         to clear all of it, or the data cannot be read back.
 *
 * @par Safety MT-Safe: one repair at a time, others wait. Reads go on. Not AS-Safe. errno is left
 *             alone.
 * @since 0.1  @see mcsafe_badblocks_next(), ndctl-clear-errors(1)
 */
MCSAFE_API MCSAFE_NODISCARD ssize_t mcsafe_pmem_repair(struct mcsafe_pmem *pmem, const void *data,
						       size_t n, off_t offset);

/**
 * Get the registry of what is known to be bad: to look things up, iterate, add, save and load.
 *
 * @param pmem  What was opened. Not NULL.
 * @return      The registry, as long as this is open. Its offsets are those of the functions here.
 *              Never NULL. Not to be destroyed.
 *
 * @par Safety  MT-Safe, AS-Safe
 * @since 0.1   @see mcsafe_badblocks_next()
 */
MCSAFE_API struct mcsafe_badblocks *mcsafe_pmem_badblocks(struct mcsafe_pmem *pmem);

/**
 * Ask the kernel again for what is bad, and add it.
 *
 * @param      pmem    What was opened. Not NULL.
 * @param[out] answer  What came of it, as for mcsafe_badblocks_ask(). Not NULL.
 *
 * @return     0        Asked: see -answer->state.
 *             -ENOTSUP Memory without a file: there is nobody to ask. The state is NOT_ASKED.
 *             -errno   As for mcsafe_badblocks_ask().
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_badblocks_ask()
 */
MCSAFE_API int mcsafe_pmem_ask(struct mcsafe_pmem *pmem, struct mcsafe_badblocks_answer *answer);

/**
 * Note what an early notice says, if it is about this mapping.
 *
 * @param     pmem    What was opened. Not NULL.
 * @param[in] notice  From mcsafe_notice_read(). Not NULL.
 *
 * @return    1        It is, and was noted.
 *            0        It is about other memory.
 *            -ENOMEM  There is no memory to note it.
 *
 * @par Safety MT-Safe. Not AS-Safe: not to be called by the function of mcsafe_on_notice(). errno
 *             is left alone.
 * @since 0.1  @see mcsafe_notice_read()
 */
MCSAFE_API int mcsafe_pmem_notice(struct mcsafe_pmem *pmem, const struct mcsafe_notice *notice);

/**
 * Look at all of it, in the calling thread, to find what is bad before somebody needs it.
 *
 * mcsafe_scrub_run() over the mapping, which does not note what was truncated meanwhile. For a
 * scrub in the background, mcsafe_scrub_create() takes the base, the size and the registry of this
 * mapping, until mcsafe_pmem_close().
 *
 * @param      pmem      What was opened. Not NULL. The size is that of the last open or refresh.
 * @param[in]  options   Where to begin, how fast, and whom to tell; NULL: all, at once, nobody. The
 *                       functions may cancel the run, and must not close it.
 * @param[out] progress  Receives how far it came, for the start of the next run; NULL: not wanted.
 *                       Unchanged for -EINVAL and -ENOMEM at the beginning.
 *
 * @return     0           All has been looked at.
 *             -ECANCELED  The progress function wanted it.
 *             -EFAULT     There is memory that is not mapped or not readable.
 *             -EINVAL     options->start is above the size, or recheck is neither 0 nor 1.
 *             -ENOMEM     There is no memory for it.
 *
 * @par Safety MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1  @see mcsafe_scrub_create(), mcsafe_scrub_run()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_pmem_scrub(struct mcsafe_pmem *pmem,
						  const struct mcsafe_scrub_options *options,
						  struct mcsafe_scrub_progress *progress);

MCSAFE_END_DECLS

#endif /* MCSAFE_PMEM_H */
