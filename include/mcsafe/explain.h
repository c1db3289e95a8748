/* SPDX-License-Identifier: BSD-3-Clause */
/* explain.h - what a fault record means: which file, which offset, and why */
#ifndef MCSAFE_EXPLAIN_H
#define MCSAFE_EXPLAIN_H

#include <mcsafe/compiler.h>

#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * Why memory could not be accessed. A reason is given only if the kernel says so. Everything else
 * is UNKNOWN. `error` is the member of struct mcsafe_explanation.
 *
 *   reason        error      what the kernel says
 *   UNKNOWN       EIO or     nothing that explains the fault; error is mcsafe_fault_errno() of
 *                 other      the record
 *   PAST_END      EIO        the file, or the device, ends before this page
 *   NO_SPACE      ENOSPC     the page is a hole of the file, and the file system has no room for a
 *                            page; or a hugetlbfs mount has reached its limit
 *   NO_HUGE_PAGE  ENOMEM     no huge page of this size is free
 *   OVER_LIMIT    ENOMEM     one more huge page would pass the limit of a cgroup
 *   POISON        EHWPOISON  the memory is poisoned: a memory error, or UFFDIO_POISON
 *   MEDIA         EIO        reading the byte from the file or block device fails with EIO
 *   SERVER_AWAY   that of    the file system cannot be asked: ENOTCONN, ETIMEDOUT, EHOSTDOWN,
 *                 the call   EHOSTUNREACH, ECONNABORTED, ECONNREFUSED, ECONNRESET, ENETDOWN,
 *                            ENETUNREACH or ESHUTDOWN
 *   READ_ONLY     EROFS      a write to a file system that has become read-only, for example
 *                            after an error
 *   NOT_MAPPED    EFAULT     the signal was SEGV_MAPERR: nothing was mapped, or a guard page
 *   PROTECTED     EFAULT     the signal was SEGV_ACCERR: mmap(2) or mprotect(2) do not allow it
 *   KEY           EFAULT     the signal was SEGV_PKUERR: a protection key does not allow it
 *   ADDRESS       EFAULT     the address is not canonical, or the range wraps around
 *
 * The memory limit of a cgroup is no reason for a fault: the kernel ends a process there with
 * SIGKILL. Only the limit of huge pages makes accesses fail.
 */
enum mcsafe_reason {
	MCSAFE_REASON_UNKNOWN = 0,
	MCSAFE_REASON_PAST_END = 1,
	MCSAFE_REASON_NO_SPACE = 2,
	MCSAFE_REASON_NO_HUGE_PAGE = 3,
	MCSAFE_REASON_OVER_LIMIT = 4,
	MCSAFE_REASON_POISON = 5,
	MCSAFE_REASON_MEDIA = 6,
	MCSAFE_REASON_SERVER_AWAY = 7,
	MCSAFE_REASON_READ_ONLY = 8,
	MCSAFE_REASON_NOT_MAPPED = 9,
	MCSAFE_REASON_PROTECTED = 10,
	MCSAFE_REASON_KEY = 11,
	MCSAFE_REASON_ADDRESS = 12
};

/** What kind of memory it is. */
enum mcsafe_memory {
	MCSAFE_MEMORY_UNKNOWN = 0,   /**< not known: /proc cannot be read, for example */
	MCSAFE_MEMORY_NONE = 1,      /**< nothing is mapped there now */
	MCSAFE_MEMORY_ANONYMOUS = 2, /**< heap, stack, and other private memory without a file */
	MCSAFE_MEMORY_FILE = 3,      /**< a file */
	MCSAFE_MEMORY_SHARED = 4, /**< shared memory: a file on tmpfs, memfd_create(2), shmget(2),
	                                  or MAP_SHARED | MAP_ANONYMOUS */
	MCSAFE_MEMORY_HUGE = 5,   /**< huge pages of hugetlbfs, with or without a name */
	MCSAFE_MEMORY_DEVICE = 6  /**< a block or character device */
};

/** Bits of the member `flags` of struct mcsafe_explanation. */
enum mcsafe_explanation_flag {
	/** The file has been removed, or never had a name (O_TMPFILE). path is the last name that
	 *  it had, or that the kernel gave it. */
	MCSAFE_EXPLANATION_DELETED = 1,
	/** path does not lead this process to the file, or that could not be checked. */
	MCSAFE_EXPLANATION_UNCHECKED = 2,
	/** path is only the end of a path that is too long. */
	MCSAFE_EXPLANATION_CUT = 4
};

/** MCSAFE_EXPLANATION_PATH is the size of the member `path`: PATH_MAX bytes, and some room. */
#define MCSAFE_EXPLANATION_PATH 4112

/** What mcsafe_explain() has found out. */
struct mcsafe_explanation {
	enum mcsafe_reason reason;
	enum mcsafe_memory memory;
	enum mcsafe_side side; /**< that of the record: a read is SOURCE, a write DESTINATION */
	int error;             /**< the errno value that a caller can return; positive */
	unsigned flags;        /**< enum mcsafe_explanation_flag, ORed */
	unsigned filesystem;   /**< f_type of statfs(2); 0: not known */
	off_t offset;          /**< of the first lost byte, in the file or in the shared memory or
	                            huge pages; -1: there is none of these, or it is unknown */
	off_t file_size;       /**< bytes that the file or the device has now; -1: unknown */
	void *addr;            /**< the first lost byte; NULL: unknown */
	size_t len;            /**< bytes that are lost from addr on, at least; 0: unknown */
	void *reserved[6];     /**< written as NULL; room to grow without a new ABI */
	/** The path of the file as the kernel shows it. Any byte but 0 can be in it. For memory
	 *  without a path: "memfd:NAME" of memfd_create(2); "SYSV" and the key of shmget(2) in 8
	 *  digits of base 16; what proc_pid_maps(5) shows, for example "[heap]"; or empty for
	 *  MAP_ANONYMOUS. Also empty: unknown. */
	char path[MCSAFE_EXPLANATION_PATH];
};

/**
 * Find out what a fault record means. Call this in ordinary code after a function has reported a
 * fault, from any thread of the process, or from a child of fork(2). It asks the kernel about
 * the address that the record names: the mapping, the file, the file system, and the pool of huge
 * pages. The lost memory itself is never read.
 *
 * The answer describes what is true now. If the mapping was replaced after the fault, or if space
 * was freed meanwhile, the answer is about the new mapping or is UNKNOWN. Ask soon.
 *
 * len is, by reason: PAST_END, PROTECTED and KEY: up to the end of the mapping. POISON: the
 * extent of the record, else the page. NO_HUGE_PAGE, OVER_LIMIT: the huge page. NOT_MAPPED and
 * ADDRESS: 0. Others: up to the end of the page. With POISON, addr and offset are those of the
 * first byte of the extent. Otherwise they are those of the address in the record.
 *
 * If the record has cause UNMAPPED, and memory is mapped at the address now, that memory is named
 * only if the page is a guard page (MADV_GUARD_INSTALL). Any other memory came after the fault.
 *
 * What it needs: without /proc only reasons that are in the record itself are known. Some facts
 * need that the process may open the file for reading. For a file that was removed, it needs a
 * descriptor of the file in this process, or the capability CAP_CHECKPOINT_RESTORE.
 *
 * Record locks (F_SETLK of fcntl(2)) of the process stay. To read from a file, the function
 * starts a child process that shares the memory of this process but not its descriptors, and waits
 * for it. The child has no exit signal, so wait(2) does not see it.
 *
 * @param[in]  fault        A record that a function of the library has written.
 * @param[out] explanation  Written completely if the function returns 0.
 *
 * @return  0        The explanation is complete; its reason can be UNKNOWN.
 *          -EINVAL  fault or explanation is NULL, or the cause is MCSAFE_CAUSE_NONE.
 *                   *explanation is unchanged.
 *
 * @par Cost    About 10 microseconds, or 60 if a byte of the file must be read, however large the
 *              process is. If the kernel is older than Linux 6.11, /proc/self/maps is read: 1 ms
 *              and more in a process with thousands of mappings. A file system that does not
 *              answer makes the function wait.
 * @par Safety  MT-Safe. Not AS-Safe. Not a cancellation point. It does not allocate memory with
 *              malloc(3). errno is unchanged. It uses less than 8 KiB of stack.
 * @since 0.1   @see mcsafe_explain_text(), mcsafe_fault_errno()
 */
MCSAFE_API int mcsafe_explain(const struct mcsafe_fault *fault,
			      struct mcsafe_explanation *explanation) MCSAFE_NOEXCEPT;

/**
 * Write an explanation as one line for a log, without a newline. For example
 *
 *   /dev/shm/frames, offset 4194304: no space left on tmpfs
 *   /var/lib/db/data.mdb, offset 8192: past the end of the file, which has 4096 bytes
 *   memfd:frames, offset 4096: past the end of the file, which has 4096 bytes
 *   shared anonymous memory, offset 12288: poisoned memory, 4096 bytes are lost
 *
 * The line is safe for terminals: bytes of the path that are neither printable ASCII nor visible
 * characters in UTF-8 are written as \xNN. A backslash in the path is written as it is.
 *
 * @param[in]  explanation  From mcsafe_explain().
 * @param[out] line         Receives the text, with a 0 at its end. Text that does not fit is left
 *                          out; no character and no \xNN is cut. May be NULL if size is 0.
 * @param      size         Bytes at line. 512 suffice for all but long paths. 18000 always suffice.
 *
 * @return     The length of the whole text without the 0, even if it did not fit: the text is
 *             complete if the result is less than size. -EINVAL: explanation is NULL; or line is
 *             NULL and size is not 0.
 *
 * @par Safety MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API int mcsafe_explain_text(const struct mcsafe_explanation *explanation, char *line,
				   size_t size) MCSAFE_NOEXCEPT;

/**
 * Name a reason, for a message or a log.
 *
 * @param reason  Any value.
 * @return        A static string: "past-end", "no-space", "no-huge-page", "over-limit", "poison",
 *                "media", "server-away", "read-only", "not-mapped", "protected", "key", "address";
 *                "unknown" for MCSAFE_REASON_UNKNOWN and for values that are not in the
 *                enumeration. Never NULL. Must not be freed.
 *
 * @par Safety    MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_reason_name(enum mcsafe_reason reason) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_EXPLAIN_H */
