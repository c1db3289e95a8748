/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access_rows.h - what access.h is made of: one instruction, its row, and how rows get known
 *
 * Not to be included by itself, and nothing here is for users.
 *
 * Each inline access is an "asm goto" of one instruction and one row (extable.h), in the section
 * mcsafe_access_rows of the including object. "o" ties the row to the section of the instruction,
 * "?" to its group: the linker keeps and merges rows along with the code, such as inline functions
 * and templates of C++, which come in many copies. With --gc-sections, lld drops them along with
 * it, and so does GNU ld with -z start-stop-gc; otherwise GNU ld and gold keep code that has rows.
 *
 * At a fault the handler goes on in the stub, which saves what it found in three registers and
 * jumps to the label. The compilers agree on outputs at that label only if they are in memory
 * (clang before 17), hence the stub. ".subsection" puts it behind the code of the same section.
 */
/* Whoever includes it by itself gets all of it, in the order in which it is meant. */
#ifndef MCSAFE_ACCESS_H
# include <mcsafe/access.h>
#endif

#ifndef MCSAFE_ACCESS_ROWS_H
# define MCSAFE_ACCESS_ROWS_H

/* Whether there are outputs of asm goto. */
# ifndef MCSAFE_ACCESS_INLINE
#  if defined(__clang__)
#   define MCSAFE_ACCESS_INLINE (__clang_major__ >= 11)
#  elif defined(__GNUC__)
#   define MCSAFE_ACCESS_INLINE (__GNUC__ >= 11)
#  else
#   define MCSAFE_ACCESS_INLINE 0
#  endif
# endif

/* Any object may be accessed as an integer of its size, without the compiler being misled. */
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

/* An instruction that goes straight to the label, whatever the fault was. */
# define MCSAFE_ACCESS_QUIET_(insn, kind) \
	".Lmcsafe_access_%=: " insn "\n"  \
	MCSAFE_ACCESS_ROW_("%l[fault]", kind)

/* One that notes what the fault was before. */
# define MCSAFE_ACCESS_NOTED_(insn, kind)                     \
	".Lmcsafe_access_%=: " insn "\n"                      \
	".subsection 1\n"                                     \
	".Lmcsafe_landed_%=:\n"                               \
	"	movq	%%r9, %[r9]\n"                        \
	"	movq	%%r10, %[r10]\n"                      \
	"	movq	%%r11, %[r11]\n"                      \
	"	jmp	%l[fault]\n"                          \
	".previous\n"                                         \
	MCSAFE_ACCESS_ROW_(".Lmcsafe_landed_%=", kind)

/* Where it notes the three registers: in uint64_t landed[3]. */
# define MCSAFE_ACCESS_NOTES_(landed) \
	[r9] "=m"((landed)[0]), [r10] "=m"((landed)[1]), [r11] "=m"((landed)[2])
/* clang-format on */

MCSAFE_BEGIN_DECLS

/*
 * The rows of this program or shared object. Weak: it may have none. All its objects share one
 * copy of what follows, which is weak for that; a constructor is called once for each of them.
 */
extern const struct mcsafe_row __start_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));
extern const struct mcsafe_row __stop_mcsafe_access_rows[]
	__attribute__((weak, visibility("hidden")));

#  define MCSAFE_SHARED_IN_MODULE_ __attribute__((weak, visibility("hidden")))

int mcsafe_access_state_ MCSAFE_SHARED_IN_MODULE_ = 1; /* 1: not tried yet */

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
