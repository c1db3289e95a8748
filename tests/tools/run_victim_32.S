/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_victim_32.S - a 32-bit program without a C library: run_victim_32 FILE
 *
 * It maps four pages of the file, truncates it to one page, stores to the third one, and ends with
 * the status 40 + the byte that it reads back.
 */
	.globl _start
	.text
_start:
	movl 8(%esp), %ebx /* argv[1] */
	movl $5, %eax      /* open(path, O_RDWR) */
	movl $2, %ecx
	int $0x80
	movl %eax, %edi
	movl $192, %eax /* mmap2(0, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) */
	xorl %ebx, %ebx
	movl $16384, %ecx
	movl $3, %edx
	movl $1, %esi
	xorl %ebp, %ebp
	int $0x80
	movl %eax, %ebp
	movl $93, %eax /* ftruncate(fd, 4096) */
	movl %edi, %ebx
	movl $4096, %ecx
	int $0x80
	movb $2, 8192(%ebp)
	movzbl 8192(%ebp), %ebx
	addl $40, %ebx
	movl $1, %eax /* exit */
	int $0x80

	.section .note.GNU-stack, "", @progbits
