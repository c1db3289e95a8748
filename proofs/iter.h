/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter.h - struct mcsafe_iter for proofs
 *
 * CBMC 6 loses what a pointer in a union points to. So the union in struct mcsafe_iter is a struct
 * here. That is the same for the code: an iterator has one flavour, and each flavour writes and
 * reads one member.
 */
#ifndef MCSAFE_PROOFS_ITER_H
#define MCSAFE_PROOFS_ITER_H

#include <mcsafe/compiler.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mcsafe/copy.h>
#include <mcsafe/fault.h>

#define union struct
#include <mcsafe/iter.h>
#undef union

#endif /* MCSAFE_PROOFS_ITER_H */
