/* SPDX-License-Identifier: BSD-3-Clause */
/* stripe.h - give threads different counters, so that they seldom share a cache line */
#ifndef MCSAFE_SRC_BASE_STRIPE_H
#define MCSAFE_SRC_BASE_STRIPE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* 2^64 divided by the golden ratio: multiplication by it spreads neighbours (Knuth, TAOCP 6.4). */
#define MCSAFE__SPREAD UINT64_C(0x9e3779b97f4a7c15)

#define MCSAFE__STRIPES 16

/* The stripe of this thread, below MCSAFE__STRIPES. AS-Safe. */
static inline size_t mcsafe__stripe_of_thread(void)
{
	return (size_t)(((uint64_t)pthread_self() * MCSAFE__SPREAD) >> 60);
}

#endif /* MCSAFE_SRC_BASE_STRIPE_H */
