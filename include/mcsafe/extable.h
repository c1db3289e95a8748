/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * extable.h - rows of your own: accesses outside libmcsafe that may fail and go on elsewhere
 *
 * For those who write assembly, or inline assembly, whose accesses may fault. Each such access has
 * one row in a table, which says which instruction it is and where the program goes on when it
 * fails, its fixup. A program or a shared object hands its table to mcsafe_module_register().
 * This header can be included by C, C++ and assembly.
 *
 * What happens at a fault: the handler changes four registers of the interrupted code and nothing
 * else: %rip to the row's fixup, and
 *
 *   %r9   si_addr: the page's start for poison that is consumed for the first time, the exact
 *         byte otherwise, 0 where the kernel gave none
 *   %r10  the instruction that faulted
 *   %r11  bits 0-7 signal, 8-15 si_addr_lsb (0: not told), 16-23 kind of the row, 32-63 si_code
 *
 * So the code keeps nothing that it still needs in %r9 to %r11 across such an access, and inline
 * assembly names them as clobbered. All other registers, the stack and the flags are those of the
 * instruction that faulted, whose work has not been done. The fixup lies in the same function and
 * has the same stack. It must not repeat a load: poison is not to be read again.
 * mcsafe_row_fault() makes a fault record of the three registers.
 *
 * A load of a byte that says whether it failed, and the set-up of the program or shared object:
 *
 *	#include <mcsafe/extable.h>
 *
 *	int load_byte(unsigned char *value, const unsigned char *p)
 *	{
 *		unsigned char byte;
 *		int failed;
 *
 *		__asm__ volatile("	xorl	%1, %1\n"
 *				 "1:	movb	(%2), %0\n"
 *				 "2:\n"
 *				 "	.pushsection .text.unlikely, \"ax\", @progbits\n"
 *				 "3:	movl	$1, %1\n"
 *				 "	jmp	2b\n"
 *				 "	.popsection\n"
 *				 MCSAFE_ROW(1b, 3b, MCSAFE_ROW_LOAD)
 *				 : "=&q"(byte), "=&r"(failed)
 *				 : "r"(p)
 *				 : "r9", "r10", "r11", "cc", "memory");
 *		if (!failed)
 *			*value = byte;
 *		return failed;
 *	}
 *
 *	int set_up(void)
 *	{
 *		return mcsafe_module_register(MCSAFE_MODULE_ROWS, MCSAFE_MODULE_ROWS_END);
 *	}
 */
#ifndef MCSAFE_EXTABLE_H
#define MCSAFE_EXTABLE_H

/* Kinds of rows, the same numbers as enum mcsafe_side: which side of an operation has failed. */
#define MCSAFE_ROW_LOAD  1
#define MCSAFE_ROW_STORE 2

#ifndef __ASSEMBLER__

# include <stdint.h>

# include <mcsafe/compiler.h>
# include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * One access that may fail. Both offsets are relative to the field that holds them, so that a table
 * needs no relocation and can lie in read-only memory.
 */
struct mcsafe_row {
	int32_t insn;  /**< the instruction, minus the address of this field */
	int32_t fixup; /**< where to go on, minus the address of this field */
	uint32_t kind; /**< MCSAFE_ROW_LOAD or MCSAFE_ROW_STORE */
};

/* Defined by the linker for the section that MCSAFE_ROW() writes; each object has its own. */
extern const struct mcsafe_row __start_mcsafe_module_rows[] __attribute__((visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_module_rows[] __attribute__((visibility("hidden")));

/** The rows of MCSAFE_ROW() in this program or shared object. */
# define MCSAFE_MODULE_ROWS     __start_mcsafe_module_rows
# define MCSAFE_MODULE_ROWS_END __stop_mcsafe_module_rows

# define MCSAFE_ROW_STRING_(x)   # x
# define MCSAFE_ROW_EXPANDED_(x) MCSAFE_ROW_STRING_(x)

/**
 * One row, in inline assembly: two labels and a kind. "R" keeps the rows under --gc-sections, and
 * with them the code that they name. So this is for functions that are emitted once: the linker
 * refuses it where it drops copies of a function, as of a C++ template or inline function.
 */
/* clang-format off */
# define MCSAFE_ROW(insn, fixup, kind)                     \
	".pushsection mcsafe_module_rows, \"aR\", @progbits\n" \
	".balign 4\n"                                          \
	".long " MCSAFE_ROW_STRING_(insn) " - .\n"             \
	".long " MCSAFE_ROW_STRING_(fixup) " - .\n"            \
	".long " MCSAFE_ROW_EXPANDED_(kind) "\n"               \
	".popsection\n"
/* clang-format on */

/** How many tables can be registered at a time. */
# define MCSAFE_MODULES_MAX 64

/**
 * Let faults at the rows of a table land.
 *
 * The rows are copied and the copy is sorted, so they may be in any order, and the table is not
 * read again. Landing needs the handler: mcsafe_install() or mcsafe_handle_signal(). Faults of
 * this and of all other tables land while tables come and go: the lookup takes no lock and never
 * waits.
 *
 * The shared object that holds the code is kept loaded until mcsafe_module_unregister(): dlclose(3)
 * before that leaves it where it is, so a row can never come to stand for other code. Code that
 * belongs to no shared object (of a just-in-time compiler, or of another namespace of dlmopen(3))
 * must not be unmapped before it is unregistered: only its owner can know that.
 *
 * @param[in] first  The first row.
 * @param[in] end    Behind the last row; there are at least one and at most 2^24.
 *
 * @return 0        faults at the rows land from now on.
 *         -EINVAL  no rows, or too many; first is not aligned to 4; a kind that is not known; two
 *                  rows for one instruction. Nothing was changed, as for the following.
 *         -EEXIST  a table at first is registered already.
 *         -ENOSPC  MCSAFE_MODULES_MAX tables are registered.
 *         -ENOMEM  no memory for the copy, which takes 24 bytes for each row.
 *
 * @par Memory      The copy of a table that was unregistered is given back to the kernel, and its
 *                  addresses are used again for the next; they are never unmapped, as a handler
 *                  may be looking. So the address space taken is bounded by the largest set of
 *                  tables that were registered at one time, rounded up to powers of two.
 * @par Statically  linked with libmcsafe.a, a program has a table of its own all the same.
 * @par fork        A child keeps what is registered. One of vfork(2) must not register.
 * @par Safety      MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1       @see mcsafe_module_unregister()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_module_register(const struct mcsafe_row *first,
						       const struct mcsafe_row *end)
	MCSAFE_NOEXCEPT;

/**
 * Let faults at the rows of a table land, without keeping its shared object loaded.
 *
 * mcsafe_module_register() for a constructor, whose object has a destructor that calls
 * mcsafe_module_unregister(): so dlclose(3) unloads the object as ever, and takes its rows away
 * before its code. <mcsafe/access.h> does that for the rows of its own.
 *
 * @param[in] first  As for mcsafe_module_register().
 * @param[in] end    As for mcsafe_module_register().
 *
 * @return           As mcsafe_module_register(), but 0 if there is no row at all.
 *
 * @par Safety       MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_module_register()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_module_attach(const struct mcsafe_row *first,
						     const struct mcsafe_row *end) MCSAFE_NOEXCEPT;

/**
 * Take a table away: faults at its rows are not ours any more.
 *
 * No thread may be running the code of the table. What was registered by mcsafe_module_register()
 * is taken away before the last dlclose(3) of the object that holds it, and not by its destructor,
 * which cannot run before; what was attached, by its destructor.
 *
 * @param[in] first  As it was registered.
 *
 * @return 0         done.
 *         -ENOENT   no such table is registered.
 *
 * @par Safety       MT-Safe. Not AS-Safe. errno is left alone.
 * @since 0.1        @see mcsafe_module_register()
 */
MCSAFE_API int mcsafe_module_unregister(const struct mcsafe_row *first) MCSAFE_NOEXCEPT;

/**
 * Make a fault record of what a fixup found in its registers.
 *
 * @param[out] fault    Receives what the fault was; NULL if not wanted.
 * @param      r9       The registers as the fixup got them.
 * @param      r10
 * @param      r11
 * @param[in]  operand  The address that the instruction would have accessed: reported where the
 *                      kernel gave none.
 *
 * @return              The cause; never MCSAFE_CAUSE_NONE.
 *
 * @par Safety          MT-Safe, AS-Safe
 * @since 0.1           @see struct mcsafe_fault
 */
MCSAFE_API enum mcsafe_cause mcsafe_row_fault(struct mcsafe_fault *fault, uint64_t r9, uint64_t r10,
					      uint64_t r11, const volatile void *operand)
	MCSAFE_NOEXCEPT MCSAFE_COLD;

MCSAFE_END_DECLS

#endif /* !__ASSEMBLER__ */

#endif /* MCSAFE_EXTABLE_H */
