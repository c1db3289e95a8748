/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - every operation of access.h on every size, as functions of one type */
#include "words.h"

#include <mcsafe/access.h>

#include "basics.h"

#define LOADS(bits)                                                                                \
 static enum mcsafe_cause load_##bits(volatile void *p, uint64_t value, uint64_t expected,         \
				      uint64_t *got, struct mcsafe_fault *fault)                   \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause = mcsafe_load_u##bits((volatile uint##bits##_t *)p, &word);              \
  (void)value, (void)expected, (void)fault;                                                        \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }                                                                                                 \
 static enum mcsafe_cause load_or_##bits(volatile void *p, uint64_t value, uint64_t expected,      \
					 uint64_t *got, struct mcsafe_fault *fault)                \
 {                                                                                                 \
  uint64_t before = *got;                                                                          \
  (void)value, (void)expected, (void)fault;                                                        \
  *got = mcsafe_load_or((volatile uint##bits##_t *)p, (uint##bits##_t)before);                     \
  return *got == before ? MCSAFE_CAUSE_UNKNOWN : MCSAFE_CAUSE_NONE;                                \
 }                                                                                                 \
 static enum mcsafe_cause load_acquire_##bits(volatile void *p, uint64_t value, uint64_t expected, \
					      uint64_t *got, struct mcsafe_fault *fault)           \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause = mcsafe_load_explicit_u##bits((volatile uint##bits##_t *)p, &word,      \
							 __ATOMIC_ACQUIRE, fault);                 \
  (void)value, (void)expected;                                                                     \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }

#define STORES(bits)                                                                        \
 static enum mcsafe_cause store_##bits(volatile void *p, uint64_t value, uint64_t expected, \
				       uint64_t *got, struct mcsafe_fault *fault)           \
 {                                                                                          \
  (void)got, (void)expected, (void)fault;                                                   \
  return mcsafe_store_u##bits((volatile uint##bits##_t *)p, (uint##bits##_t)value);         \
 }                                                                                          \
 static enum mcsafe_cause store_release_##bits(volatile void *p, uint64_t value,            \
					       uint64_t expected, uint64_t *got,            \
					       struct mcsafe_fault *fault)                  \
 {                                                                                          \
  (void)got, (void)expected;                                                                \
  return mcsafe_store_explicit_u##bits((volatile uint##bits##_t *)p, (uint##bits##_t)value, \
				       __ATOMIC_RELEASE, fault);                            \
 }                                                                                          \
 static enum mcsafe_cause store_seq_cst_##bits(volatile void *p, uint64_t value,            \
					       uint64_t expected, uint64_t *got,            \
					       struct mcsafe_fault *fault)                  \
 {                                                                                          \
  (void)got, (void)expected;                                                                \
  return mcsafe_store_explicit_u##bits((volatile uint##bits##_t *)p, (uint##bits##_t)value, \
				       __ATOMIC_SEQ_CST, fault);                            \
 }

#define EXCHANGES(bits)                                                                            \
 static enum mcsafe_cause xchg_##bits(volatile void *p, uint64_t value, uint64_t expected,         \
				      uint64_t *got, struct mcsafe_fault *fault)                   \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause =                                                                        \
	  mcsafe_xchg_u##bits((volatile uint##bits##_t *)p, (uint##bits##_t)value, &word);         \
  (void)expected, (void)fault;                                                                     \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }                                                                                                 \
 static enum mcsafe_cause xchg_relaxed_##bits(volatile void *p, uint64_t value, uint64_t expected, \
					      uint64_t *got, struct mcsafe_fault *fault)           \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause = mcsafe_xchg_explicit_u##bits(                                          \
	  (volatile uint##bits##_t *)p, (uint##bits##_t)value, &word, __ATOMIC_RELAXED, fault);    \
  (void)expected;                                                                                  \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }                                                                                                 \
 static enum mcsafe_cause cmpxchg_##bits(volatile void *p, uint64_t value, uint64_t expected,      \
					 uint64_t *got, struct mcsafe_fault *fault)                \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause = mcsafe_cmpxchg_u##bits(                                                \
	  (volatile uint##bits##_t *)p, (uint##bits##_t)expected, (uint##bits##_t)value, &word);   \
  (void)fault;                                                                                     \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }                                                                                                 \
 static enum mcsafe_cause cmpxchg_acquire_##bits(volatile void *p, uint64_t value,                 \
						 uint64_t expected, uint64_t *got,                 \
						 struct mcsafe_fault *fault)                       \
 {                                                                                                 \
  uint##bits##_t word = (uint##bits##_t) * got;                                                    \
  enum mcsafe_cause cause =                                                                        \
	  mcsafe_cmpxchg_explicit_u##bits((volatile uint##bits##_t *)p, (uint##bits##_t)expected,  \
					  (uint##bits##_t)value, &word, __ATOMIC_ACQUIRE, fault);  \
  *got = word;                                                                                     \
  return cause;                                                                                    \
 }                                                                                                 \
 static enum mcsafe_cause called_load_##bits(volatile void *p, uint64_t value, uint64_t expected,  \
					     uint64_t *got, struct mcsafe_fault *fault)            \
 {                                                                                                 \
  (void)value, (void)expected;                                                                     \
  return mcsafe_access_load(p, (bits) / 8, got, fault);                                            \
 }                                                                                                 \
 static enum mcsafe_cause called_store_##bits(volatile void *p, uint64_t value, uint64_t expected, \
					      uint64_t *got, struct mcsafe_fault *fault)           \
 {                                                                                                 \
  (void)got, (void)expected;                                                                       \
  return mcsafe_access_store(p, (bits) / 8, value, fault);                                         \
 }                                                                                                 \
 static enum mcsafe_cause called_xchg_##bits(volatile void *p, uint64_t value, uint64_t expected,  \
					     uint64_t *got, struct mcsafe_fault *fault)            \
 {                                                                                                 \
  (void)expected;                                                                                  \
  return mcsafe_access_xchg(p, (bits) / 8, value, got, fault);                                     \
 }                                                                                                 \
 static enum mcsafe_cause called_cmpxchg_##bits(volatile void *p, uint64_t value,                  \
						uint64_t expected, uint64_t *got,                  \
						struct mcsafe_fault *fault)                        \
 {                                                                                                 \
  return mcsafe_access_cmpxchg(p, (bits) / 8, expected, value, got, fault);                        \
 }

#define UNALIGNED(bits)                                                           \
 static enum mcsafe_cause load_unaligned_##bits(volatile void *p, uint64_t value, \
						uint64_t expected, uint64_t *got, \
						struct mcsafe_fault *fault)       \
 {                                                                                \
  uint##bits##_t word = (uint##bits##_t) * got;                                   \
  enum mcsafe_cause cause = mcsafe_load_unaligned_u##bits(p, &word);              \
  (void)value, (void)expected, (void)fault;                                       \
  *got = word;                                                                    \
  return cause;                                                                   \
 }

LOADS(8)
LOADS(16)
LOADS(32)
LOADS(64)
STORES(8)
STORES(16)
STORES(32)
STORES(64)
EXCHANGES(8)
EXCHANGES(16)
EXCHANGES(32)
EXCHANGES(64)
UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)

#define WORD(function, what, bits, makes_record, tells_cause)                           \
 {                                                                                      \
#  function "_" #  bits, function##_##bits, (bits) / 8, what, makes_record, tells_cause \
 }
#define ALL(bits)                                                                               \
 WORD(load, T_LOAD, bits, false, true), WORD(load_or, T_LOAD, bits, false, false),              \
	 WORD(load_acquire, T_LOAD, bits, true, true), WORD(store, T_STORE, bits, false, true), \
	 WORD(store_release, T_STORE, bits, true, true),                                        \
	 WORD(store_seq_cst, T_STORE, bits, true, true), WORD(xchg, T_XCHG, bits, false, true), \
	 WORD(xchg_relaxed, T_XCHG, bits, true, true),                                          \
	 WORD(cmpxchg, T_CMPXCHG, bits, false, true),                                           \
	 WORD(cmpxchg_acquire, T_CMPXCHG, bits, true, true),                                    \
	 WORD(called_load, T_LOAD, bits, true, true),                                           \
	 WORD(called_store, T_STORE, bits, true, true),                                         \
	 WORD(called_xchg, T_XCHG, bits, true, true),                                           \
	 WORD(called_cmpxchg, T_CMPXCHG, bits, true, true)

const struct t_word t_words[] = {
	ALL(8),
	ALL(16),
	ALL(32),
	ALL(64),
	WORD(load_unaligned, T_LOAD, 16, false, true),
	WORD(load_unaligned, T_LOAD, 32, false, true),
	WORD(load_unaligned, T_LOAD, 64, false, true),
};

const size_t t_n_words = T_LENGTH(t_words);
