/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.c - the counters of this process */
#include "counters.h"

struct mcsafe__counters mcsafe__counters;
