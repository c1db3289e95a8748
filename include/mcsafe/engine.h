/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.h - which routines do the copies: ask, and choose */
#ifndef MCSAFE_ENGINE_H
#define MCSAFE_ENGINE_H

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/**
 * Name the engine that does the copies of this process.
 *
 *   avx512_erms  avx512; but what no longer fits into the first cache with its copy, from half of
 *                its size on, goes by REP MOVSB, up to where stores bypass the caches. Chosen by
 *                itself on AMD family 1Ah (Zen 5) and later, where it was measured to be the
 *                fastest; on request elsewhere. Needs ERMS as well.
 *   avx512       64-byte vectors; stores bypass the caches in copies as long as the largest cache;
 *                needs AVX512F, AVX512BW, AVX512_VBMI and BMI2. Chosen by itself there if
 *                avx512_erms cannot be.
 *   avx2         32-byte vectors; stores bypass the caches in long copies; needs AVX2
 *   avx2_erms    avx2, with REP MOVSB as above. On request only. Needs ERMS as well.
 *   sse2         16-byte vectors; every x86-64
 *   erms         REP MOVSB; needs ERMS. On request only: much slower than the others for short
 *                copies.
 *   word         one aligned word at a time: the reference for the others
 *
 * All of them keep the contract of mcsafe_memcpy(). Unless one is asked for, the first of
 * avx512_erms and avx512 (if they are to be chosen), avx2 and sse2 that the processor and the kernel
 * support is chosen by mcsafe_install(), or at the first copy.
 *
 * REP MOVSB loads as the processor pleases. The engines whose names end in _erms begin it at a
 * 64-byte line of the source, and end it before the last one, which vectors copy: what it touches in
 * the line behind its operand, if it does, is still the source. The kernel copies from memory that
 * may be poisoned by the same instruction. Who wants only loads that are known never to cross a line asks for avx512 or avx2.
 * All three are refused on Intel family 6 model 85 (Skylake-SP, Cascade Lake, Cooper Lake), whose
 * fast strings can consume poison in the line behind the operand, and in builds with MCSAFE_DEBUG.
 *
 * @return A static string: one of mcsafe_engine_names(). Never NULL; not to be freed.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_engine_set()
 */
MCSAFE_API const char *mcsafe_engine_name(void) MCSAFE_NOEXCEPT;

/**
 * List the engines that this library was built with, whether or not this processor can run them.
 *
 * @return A static string: the names, with one space between them. Never NULL; not to be freed.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_engine_set()
 */
MCSAFE_API const char *mcsafe_engine_names(void) MCSAFE_NOEXCEPT;

/**
 * Choose the engine for all copies of this process that begin after the call.
 *
 * The environment variable MCSAFE_ENGINE does the same from outside: mcsafe_install() reads it the
 * first time that it is called, so this function, called later, overrides it.
 *
 * @param name  One of mcsafe_engine_names(); NULL: the automatic choice again.
 *
 * @return 0         it is in use.
 *         -EINVAL   there is no engine of that name.
 *         -ENOTSUP  this processor cannot run it, or it is not safe there.
 *         After an error the engine in use is as before.
 *
 * @par Safety   MT-Safe, AS-Safe. errno is left alone.
 * @since 0.1    @see mcsafe_engine_name(), mcsafe_engine_names()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_engine_set(const char *name) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_ENGINE_H */
