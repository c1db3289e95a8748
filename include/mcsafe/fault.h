/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.h - what a recovered fault was: cause, side, address and extent of the loss */
#ifndef MCSAFE_FAULT_H
#define MCSAFE_FAULT_H

#include <mcsafe/compiler.h>

#include <stddef.h>

MCSAFE_BEGIN_DECLS

/**
 * Why an access failed. The cause is derived from the signal and its si_code; see sigaction(2):
 *
 *   cause       signal and si_code                    typical origin
 *   POISON      SIGBUS  BUS_MCEERR_AR                 uncorrectable memory error in the page
 *   IO          SIGBUS  BUS_ADRERR, BUS_OBJERR        the mapped file was truncated; a media error;
 *                                                     no space to fill a hole of the file
 *   UNMAPPED    SIGSEGV SEGV_MAPERR                   nothing is mapped there; a guard page
 *   PROTECTED   SIGSEGV SEGV_ACCERR                   mapped without the needed permission
 *   PKEY        SIGSEGV SEGV_PKUERR                   denied by a protection key, pkeys(7)
 *   ADDRESS     SIGSEGV SI_KERNEL; or no signal       non-canonical address; or a range that wraps
 *                                                     around the end of memory and was refused
 *                                                     before anything was accessed
 *   UNKNOWN     anything else                         for example SIGBUS SI_KERNEL, a memory
 *                                                     error that the kernel could not locate
 *
 * A kernel without CONFIG_MEMORY_FAILURE reports a page that UFFDIO_POISON poisoned as BUS_ADRERR,
 * so the cause is IO.
 */
enum mcsafe_cause {
	MCSAFE_CAUSE_NONE = 0, /**< no fault; the library never writes it into a record */
	MCSAFE_CAUSE_POISON = 1,
	MCSAFE_CAUSE_IO = 2,
	MCSAFE_CAUSE_UNMAPPED = 3,
	MCSAFE_CAUSE_PROTECTED = 4,
	MCSAFE_CAUSE_PKEY = 5,
	MCSAFE_CAUSE_ADDRESS = 6,
	MCSAFE_CAUSE_UNKNOWN = 7
};

/** Which operand of a copy could not be accessed. */
enum mcsafe_side {
	MCSAFE_SIDE_NONE = 0, /**< no fault */
	MCSAFE_SIDE_SOURCE = 1,
	MCSAFE_SIDE_DESTINATION = 2
};

/** Bits of the member `flags` of a fault record. */
enum mcsafe_fault_flag {
	/** A memory error on the source (POISON or UNKNOWN) stopped REP MOVSB. The processor
	 *  chooses the loads of REP MOVSB. So any number of good bytes may lie between the byte at
	 *  which the copy stopped and the extent that is lost. Without this flag there are fewer
	 *  than 8. */
	MCSAFE_FAULT_MAY_FALL_SHORT = 1
};

/**
 * What a recovered fault was. A function that takes a pointer to a record writes the record only if
 * it stops at a fault, or at memory that it refuses to access. On success the caller's record is
 * unchanged.
 *
 * Do not derive from addr how far an operation came. The count that the operation returns says so.
 * When poison is consumed for the first time, the kernel reports the start of the page. Afterwards
 * the kernel reports the exact byte. If a page is mapped twice, addr may lie in the other mapping.
 */
struct mcsafe_fault {
	int signo; /**< SIGBUS or SIGSEGV; 0: refused without a signal */
	int code;  /**< si_code of that signal; 0 if signo is 0 */
	enum mcsafe_cause cause;
	enum mcsafe_side side;
	void *addr;        /**< si_addr; for ADDRESS, for which the kernel reports no address,
	                             the first byte of the operand that was not copied */
	size_t extent;     /**< POISON: bytes lost, a power of two (1 << si_addr_lsb); the
	                             aligned block of this size around addr is lost; 0: unknown */
	void *ip;          /**< the instruction that faulted; NULL if signo is 0 */
	unsigned flags;    /**< enum mcsafe_fault_flag, ORed */
	void *reserved[3]; /**< written as NULL; room to grow without a new ABI */
};

/**
 * Translate a fault record into the errno value that the kernel's own I/O paths would report.
 *
 * @param fault  A record. NULL counts as "no fault".
 * @return       POISON -> EHWPOISON; IO -> EIO; NONE or NULL -> 0; all others -> EFAULT.
 *               A positive number; errno itself is unchanged.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API int mcsafe_fault_errno(const struct mcsafe_fault *fault) MCSAFE_NOEXCEPT;

/**
 * Name a cause, for a message or a log.
 *
 * @param cause  Any value.
 * @return       A static string: "none", "poison", "io", "unmapped", "protected", "pkey",
 *               "address"; "unknown" for MCSAFE_CAUSE_UNKNOWN and for values that are not in the
 *               enumeration. Never NULL. Must not be freed.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_cause_name(enum mcsafe_cause cause) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_FAULT_H */
