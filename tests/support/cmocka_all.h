/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka_all.h - <cmocka.h> with the headers that it needs and does not include */
#ifndef MCSAFE_TESTS_CMOCKA_ALL_H
#define MCSAFE_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* MCSAFE_TESTS_CMOCKA_ALL_H */
