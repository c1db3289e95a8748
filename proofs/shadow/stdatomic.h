/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stdatomic.h - C11's atomics as plain accesses
 *
 * For proofs only. A proof here has one thread, so the order of accesses does not matter to it.
 */
#ifndef MCSAFE_PROOFS_STDATOMIC_H
#define MCSAFE_PROOFS_STDATOMIC_H

typedef enum {
	memory_order_relaxed,
	memory_order_consume,
	memory_order_acquire,
	memory_order_release,
	memory_order_acq_rel,
	memory_order_seq_cst
} memory_order;

#define atomic_init(object, value)                  ((void)(*(object) = (value)))
#define atomic_load(object)                         (*(object))
#define atomic_load_explicit(object, order)         (*(object))
#define atomic_store(object, value)                 ((void)(*(object) = (value)))
#define atomic_store_explicit(object, value, order) ((void)(*(object) = (value)))

#define atomic_compare_exchange_strong(object, expected, value) \
 (*(object) == *(expected) ? (*(object) = (value), 1) : (*(expected) = *(object), 0))
#define atomic_fetch_add(object, n)                 ((*(object) += (n)) - (n))
#define atomic_fetch_add_explicit(object, n, order) ((*(object) += (n)) - (n))
#define atomic_fetch_sub_explicit(object, n, order) ((*(object) -= (n)) + (n))

/* clang-format off */
#define atomic_fetch_and(object, bits)              \
 ({                                                 \
	__typeof__(*(object) + 0) old_ = *(object); \
	*(object) &= (bits);                        \
	old_;                                       \
 })
#define atomic_fetch_or(object, bits)               \
 ({                                                 \
	__typeof__(*(object) + 0) old_ = *(object); \
	*(object) |= (bits);                        \
	old_;                                       \
 })
/* clang-format on */

typedef _Bool atomic_bool;
typedef int atomic_int;

#endif /* MCSAFE_PROOFS_STDATOMIC_H */
