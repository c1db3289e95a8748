/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access_rows.h - the parts of access.h: one instruction, its row, and the registration of the rows
 *
 * Include access.h instead. Nothing here is for users.
 *
 * Each inline access is an "asm goto" with one instruction and one row (extable.h). The row lies in
 * the section mcsafe_access_rows of the including object. The section flag "o" ties the row to the
 * section of the instruction, and "?" puts it into the same section group. The linker then keeps or
 * merges rows together with their code, for example the many copies of an inline function or a C++
 * template. With --gc-sections, lld drops the rows of unused code together with the code, and so
 * does GNU ld with -z start-stop-gc. Otherwise GNU ld and gold keep all code that has rows.
 *
 * At a fault the handler continues at a stub. The stub stores the three registers that describe the
 * fault, and jumps to the label of the asm goto. It is needed because not all compilers (clang
 * before 17) support outputs at that label in registers; they all support outputs in memory.
 * ".subsection" places the stub after the code of the same section.
 *
 * Each instruction is written in both dialects, {AT&T|Intel} (gcc manual, "Multiple assembler
 * dialects in asm templates"), because -masm=intel swaps the order of operands.
 */
/* If this header is included directly, include all of access.h first. */
#ifndef MCSAFE_ACCESS_H
# include <mcsafe/access.h>
#endif

#ifndef MCSAFE_ACCESS_ROWS_H
# define MCSAFE_ACCESS_ROWS_H

/* 1 if the compiler supports asm goto with outputs. */
# ifndef MCSAFE_ACCESS_INLINE
#  if defined(__clang__)
#   define MCSAFE_ACCESS_INLINE (__clang_major__ >= 11)
#  elif defined(__GNUC__)
#   define MCSAFE_ACCESS_INLINE (__GNUC__ >= 11)
#  else
#   define MCSAFE_ACCESS_INLINE 0
#  endif
# endif

/* These types may alias any object, so that a word of any type can be accessed as an integer. */
typedef uint8_t __attribute__((may_alias)) mcsafe_alias_u8_;
typedef uint16_t __attribute__((may_alias)) mcsafe_alias_u16_;
typedef uint32_t __attribute__((may_alias)) mcsafe_alias_u32_;
typedef uint64_t __attribute__((may_alias)) mcsafe_alias_u64_;

# if MCSAFE_ACCESS_INLINE

/* clang-format off */
# define MCSAFE_ACCESS_ROW_(fixup, kind)                                            \
	".pushsection mcsafe_access_rows, \"ao?\", @progbits, .Lmcsafe_access_%=\n" \
	".balign 4\n"                                                              \
	".long .Lmcsafe_access_%= - .\n"                                           \
	".long " fixup " - .\n"                                                    \
	".long " MCSAFE_ROW_EXPANDED_(kind) "\n"                                   \
	".popsection\n"

/* An access whose faults continue at the label, without information about the fault. */
# define MCSAFE_ACCESS_QUIET_(insn, kind) \
	".Lmcsafe_access_%=: " insn "\n"  \
	MCSAFE_ACCESS_ROW_("%l[fault]", kind)

/* An access whose faults first save the three registers that describe the fault. */
# define MCSAFE_ACCESS_NOTED_(insn, kind)                     \
	".Lmcsafe_access_%=: " insn "\n"                      \
	".subsection 1\n"                                     \
	".Lmcsafe_landed_%=:\n"                               \
	"	mov{q %%r9, %[r9]| %[r9], r9}\n"             \
	"	mov{q %%r10, %[r10]| %[r10], r10}\n"         \
	"	mov{q %%r11, %[r11]| %[r11], r11}\n"         \
	"	jmp	%l[fault]\n"                          \
	".previous\n"                                         \
	MCSAFE_ACCESS_ROW_(".Lmcsafe_landed_%=", kind)

/* The outputs that receive the three registers: uint64_t landed[3]. */
# define MCSAFE_ACCESS_NOTES_(landed) \
	[r9] "=m"((landed)[0]), [r10] "=m"((landed)[1]), [r11] "=m"((landed)[2])
/* clang-format on */

MCSAFE_BEGIN_DECLS

/*
 * The rows of this program or shared object. The symbols are weak, because there may be no rows.
 * The variables and functions below are weak too, so that all objects of the program or shared
 * object share one copy. The constructor is called once for each of these objects.
 */
extern const struct mcsafe_row __start_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));

#  define MCSAFE_SHARED_IN_MODULE_ __attribute__((weak, visibility("hidden")))

int mcsafe_access_state_ MCSAFE_SHARED_IN_MODULE_ = 1; /* 1: not tried yet; 0: done; < 0: error */

void mcsafe_access_begin_(void) MCSAFE_SHARED_IN_MODULE_ __attribute__((constructor(101)));
void mcsafe_access_begin_(void)
{
	if (mcsafe_access_state_ > 0)
		mcsafe_access_state_ =
			mcsafe_module_attach(__start_mcsafe_access_rows, __stop_mcsafe_access_rows);
}

void mcsafe_access_end_(void) MCSAFE_SHARED_IN_MODULE_ __attribute__((destructor(101)));
void mcsafe_access_end_(void)
{
	if (mcsafe_access_state_ == 0)
		mcsafe_module_unregister(__start_mcsafe_access_rows);
	mcsafe_access_state_ = 1;
}

#  undef MCSAFE_SHARED_IN_MODULE_

MCSAFE_END_DECLS

# endif /* MCSAFE_ACCESS_INLINE */

#endif /* MCSAFE_ACCESS_ROWS_H */
