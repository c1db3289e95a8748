/* SPDX-License-Identifier: BSD-3-Clause */
/* flush.h - write cache lines back: what the folders above src/copy need of its routines */
#ifndef MCSAFE_SRC_COPY_FLUSH_H
#define MCSAFE_SRC_COPY_FLUSH_H

#include "asm/routines.h"

#pragma GCC visibility push(hidden)

/* Write back by the best instruction that the processor has (flushcache.c). It may keep the lines
 * in the caches; mcsafe__flush_clflush() does not. Neither has a fence. */
mcsafe__flush_fn mcsafe__flush;

#pragma GCC visibility pop

#endif /* MCSAFE_SRC_COPY_FLUSH_H */
