/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.h - the assembly routines, as C sees them */
#ifndef MCSAFE_SRC_ENGINE_H
#define MCSAFE_SRC_ENGINE_H

#include <stddef.h>

#include "landing.h"

/*
 * Each returns the bytes that were not done; *landing says why if that is not 0. The contract of
 * each stands at the head of asm/x86_64/NAME.S.
 */
size_t mcsafe__copy_word(void *dst, const void *src, size_t n, struct mcsafe__landing *landing);

size_t mcsafe__set_word(void *dst, int c, size_t n, struct mcsafe__landing *landing);

size_t mcsafe__flush_clwb(const void *addr, size_t n, struct mcsafe__landing *landing);
size_t mcsafe__flush_clflushopt(const void *addr, size_t n, struct mcsafe__landing *landing);
size_t mcsafe__flush_clflush(const void *addr, size_t n, struct mcsafe__landing *landing);

#endif /* MCSAFE_SRC_ENGINE_H */
