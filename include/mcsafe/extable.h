/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * extable.h - rows for accesses outside libmcsafe that may fault and continue elsewhere
 *
 * For authors of assembly or inline assembly whose accesses may fault. Each such access has one row
 * in a table. The row names the instruction, and the place where the program continues if the
 * instruction faults: its fixup. A program or shared object registers its table with
 * mcsafe_module_register(). This header can be included by C, C++ and assembly.
 *
 * At a fault, the handler changes four registers of the interrupted code and nothing else. It sets
 * %rip to the row's fixup, and three registers to what happened:
 *
 *   %r9   si_addr: the start of the page if poison is consumed for the first time, the exact byte
 *         otherwise, 0 if the kernel reported none
 *   %r10  the address of the instruction that faulted
 *   %r11  bits 0-7: the signal; bits 8-15: si_addr_lsb, 0 if not reported; bits 16-23: the kind of
 *         the row; bits 32-63: si_code
 *
 * Therefore the code must not keep a value in %r9 to %r11 across such an access; inline assembly
 * names them as clobbered. All other registers, the stack and the flags are those of the
 * instruction that faulted, which has had no effect. The fixup must lie in the same function, where
 * the stack is the same. The fixup must not repeat a load, because poison must not be read again.
 * mcsafe_row_fault() makes a fault record from the three registers.
 *
 * Example: load a byte and return whether the load failed; register the rows of the program or
 * shared object.
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

/* Kinds of rows, which say what failed. The numbers are those of enum mcsafe_side. */
#define MCSAFE_ROW_LOAD  1
#define MCSAFE_ROW_STORE 2

#ifndef __ASSEMBLER__

# include <stdint.h>

# include <mcsafe/compiler.h>
# include <mcsafe/fault.h>

MCSAFE_BEGIN_DECLS

/**
 * One access that may fault. Both offsets are relative to the field that holds them, so a table
 * needs no relocation and can lie in read-only memory.
 */
struct mcsafe_row {
	int32_t insn;  /**< the instruction, minus the address of this field */
	int32_t fixup; /**< the fixup, minus the address of this field */
	uint32_t kind; /**< MCSAFE_ROW_LOAD or MCSAFE_ROW_STORE */
};

/* The linker defines these for the section that MCSAFE_ROW() writes to. They are hidden, so each
 * program and shared object has its own. */
extern const struct mcsafe_row __start_mcsafe_module_rows[] __attribute__((visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_module_rows[] __attribute__((visibility("hidden")));

/** The rows of MCSAFE_ROW() in this program or shared object: the first row, and past the last. */
# define MCSAFE_MODULE_ROWS     __start_mcsafe_module_rows
# define MCSAFE_MODULE_ROWS_END __stop_mcsafe_module_rows

# define MCSAFE_ROW_STRING_(x)   # x
# define MCSAFE_ROW_EXPANDED_(x) MCSAFE_ROW_STRING_(x)

/**
 * Write one row from inline assembly: the label of the instruction, the label of the fixup, and the
 * kind. "R" makes the linker keep the row, and the code that it names, under --gc-sections. Use
 * this macro only in functions that are emitted once. Where the linker drops duplicates of a
 * function, for example of a C++ template or inline function, it rejects the row.
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

/**
 * Register a table of rows, so that faults at these rows land at their fixups.
 *
 * The rows may be in any order, and a row may be there more than once, as after a linker has folded
 * identical functions (--icf=all). They are copied and the copy is sorted; the table is not read
 * again. Any number of tables can be registered. Landing needs the handler: mcsafe_install() or
 * mcsafe_handle_signal(). While tables are registered and unregistered, faults of all other
 * registered tables continue to land. The lookup takes no lock and never waits.
 *
 * The shared object that holds the code stays loaded until mcsafe_module_unregister(), even after
 * dlclose(3). A row can therefore never come to refer to other code. Code that belongs to no shared
 * object must not be unmapped before its table is unregistered; only the owner of the code can
 * ensure that. Examples are code of a just-in-time compiler, and code of another namespace of
 * dlmopen(3).
 *
 * @param[in] first  The first row.
 * @param[in] end    Past the last row. There must be 1 to 2^24 rows.
 *
 * @return 0        Faults at the rows land from now on.
 *         -EINVAL  There are no rows, or too many; or first is not aligned to 4 bytes; or a kind is
 *                  unknown; or two rows of the same instruction differ.
 *         -EEXIST  A table at first is already registered.
 *         -ENOMEM  There is no memory for the copy, which takes 24 bytes for each row.
 *         After an error nothing was changed.
 *
 * @par Memory      When a table is unregistered, the kernel gets the memory of its copy back. The
 *                  addresses stay mapped, because a handler may still be reading there, and are
 *                  used again for a later table. The address space in use is therefore limited by
 *                  the largest set of tables that were registered at the same time, each rounded up
 *                  to a power of two.
 * @par Static      A program that is linked with libmcsafe.a also registers its own table: the
 *                  library's rows are not in it.
 * @par fork        A child of fork(2) keeps the registered tables. A child of vfork(2) must not
 *                  register.
 * @par Safety      MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1       @see mcsafe_module_unregister()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_module_register(const struct mcsafe_row *first,
						       const struct mcsafe_row *end)
	MCSAFE_NOEXCEPT;

/**
 * Register a table of rows without keeping its shared object loaded.
 *
 * Like mcsafe_module_register(), for a constructor of an object whose destructor calls
 * mcsafe_module_unregister(). dlclose(3) then unloads the object as usual, and its rows are removed
 * before its code. <mcsafe/access.h> does this for its own rows.
 *
 * @param[in] first  As for mcsafe_module_register().
 * @param[in] end    As for mcsafe_module_register().
 *
 * @return           As for mcsafe_module_register(), but 0 if there is no row.
 *
 * @par Safety       MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1        @see mcsafe_module_register()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_module_attach(const struct mcsafe_row *first,
						     const struct mcsafe_row *end) MCSAFE_NOEXCEPT;

/**
 * Unregister a table: faults at its rows go to the previous handler from now on.
 *
 * No thread may be running the code of the table. Unregister a table of mcsafe_module_register()
 * before the last dlclose(3) of the object that holds the code. The object's destructor cannot do
 * it, because it does not run while the table is registered. Unregister a table of
 * mcsafe_module_attach() in the object's destructor.
 *
 * @param[in] first  The first row, as it was registered.
 *
 * @return 0         Done.
 *         -ENOENT   No such table is registered.
 *
 * @par Safety       MT-Safe. Not AS-Safe. errno is unchanged.
 * @since 0.1        @see mcsafe_module_register()
 */
MCSAFE_API int mcsafe_module_unregister(const struct mcsafe_row *first) MCSAFE_NOEXCEPT;

/**
 * Make a fault record from the registers that a fixup found.
 *
 * @param[out] fault    Receives what the fault was; may be NULL.
 * @param      r9       The registers as they were at the fixup.
 * @param      r10
 * @param      r11
 * @param[in]  operand  The address that the instruction would have accessed. It is stored in the
 *                      record if the kernel reported no address.
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
