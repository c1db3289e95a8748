/* SPDX-License-Identifier: BSD-3-Clause */
/* touch.h - instructions of known address that access memory */
#ifndef MCSAFE_TESTS_TOUCH_H
#define MCSAFE_TESTS_TOUCH_H

/*
 * They are written in assembly. The first instruction of each is the access, so that the address of
 * the function is that of the faulting instruction. The compiler and its sanitizers do not see the
 * access, and tests/valgrind.supp knows the functions by name.
 */
void t_read_byte(const volatile void *p);
void t_write_byte(const volatile void *p); /* stores 0 */
void t_jump(const volatile void *p);

#endif /* MCSAFE_TESTS_TOUCH_H */
