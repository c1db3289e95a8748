/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bare_fault.S - one load that fails, for a handler that skips it: the lowest cost of a fault
 *
 *	void bare_fault(const void *bad);
 */
	.text
	.globl	bare_fault
	.globl	bare_fault_next
	.type	bare_fault, @function
bare_fault:
#ifdef __CET__
	endbr64
#endif
	movb	(%rdi), %al
bare_fault_next:
	ret
	.size	bare_fault, . - bare_fault
	.section .note.GNU-stack, "", @progbits
