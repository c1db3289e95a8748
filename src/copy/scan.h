/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.h - the routine of asm/x86_64/scan_sse2.S, as C sees it */
#ifndef MCSAFE_SRC_SCAN_H
#define MCSAFE_SRC_SCAN_H

#include <stddef.h>

#include <mcsafe/extable.h>
#include <mcsafe/fault.h>

/* It writes *fault if a load fails, and only then. fault->cause is not NONE then. */
size_t mcsafe__find_byte(const void *p, int c, size_t n, struct mcsafe_fault *fault);

#endif /* MCSAFE_SRC_SCAN_H */
