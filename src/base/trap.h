/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trap.h - the processor exceptions that cause signals
 *
 * The kernel saves the trap number and the error code of an exception in the signal frame
 * (REG_TRAPNO and REG_ERR of uc_mcontext.gregs), and the faulting address of a page fault
 * (REG_CR2). The numbers are those of the Intel SDM, volume 3, chapter 6.
 */
#ifndef MCSAFE_SRC_BASE_TRAP_H
#define MCSAFE_SRC_BASE_TRAP_H

#define MCSAFE__TRAP_STACK      12 /* #SS: the same through the stack segment */
#define MCSAFE__TRAP_PROTECTION 13 /* #GP: an address that is not canonical, for example */
#define MCSAFE__TRAP_PAGE_FAULT 14 /* #PF */
#define MCSAFE__TRAP_ALIGNMENT  17 /* #AC */

#define MCSAFE__PAGE_FAULT_WRITE 2 /* bit of the error code of a page fault: it was a write */

#endif /* MCSAFE_SRC_BASE_TRAP_H */
