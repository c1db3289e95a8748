/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.h - which assembly routines do the copies: query and select them */
#ifndef MCSAFE_ENGINE_H
#define MCSAFE_ENGINE_H

#include <mcsafe/compiler.h>

MCSAFE_BEGIN_DECLS

/**
 * Return the name of the engine that does the copies of this process.
 *
 *   avx512_erms  Like avx512, but uses REP MOVSB for the middle of copies that are longer than half
 *                of the L1 data cache. Still longer copies use non-temporal stores, like avx512.
 *                The default on AMD family 1Ah (Zen 5) and later, where it measured fastest;
 *                available on request elsewhere. Requires what avx512 requires, and ERMS.
 *   avx512       64-byte vectors. A copy of up to 64 bytes has no branch. Copies that are at least
 *                as long as the largest cache use non-temporal stores, which bypass the caches. The
 *                default where the processor can run it and avx512_erms is not the default.
 *                Requires AVX512F, AVX512BW, AVX512_VBMI and BMI2.
 *   avx512bw     64-byte vectors for processors without AVX512_VBMI. A copy of up to 64 bytes has
 *                no branch. Non-temporal stores like avx2. The default where the processor can run
 *                it but not avx512, as on Intel family 6 model 85 (Skylake-SP, Cascade Lake, Cooper
 *                Lake). Requires AVX512F, AVX512BW, AVX2, BMI1 and BMI2.
 *   avx2_erms    Like avx2, with REP MOVSB as in avx512_erms. On processors of Intel with FSRM
 *                (fast short REP MOVSB), REP MOVSB begins at 1536 bytes, or at 4096 bytes if both
 *                operands are multiples of 32. There this engine is the default if none of the
 *                above is. Requires AVX2 and ERMS.
 *   avx2         32-byte vectors, and non-temporal stores like avx512. Requires AVX2. Copies of up
 *                to 63 bytes take the same time whatever their length and alignment, and use no
 *                masked stores. So they are not slower at the end of a page.
 *   sse2         16-byte vectors. Runs on every x86-64 processor.
 *   erms         REP MOVSB only. On request only, because it is much slower than the others for
 *                short copies. Requires ERMS.
 *   word         One aligned word at a time. The reference for the other engines.
 *
 * The engines with avx512 in their names store the last bytes of a copy with a mask. If the 64
 * bytes from there on reach into the next page, the store takes some 10 ns more. It takes 0.1 to
 * 0.2 microseconds more if that page is not mapped, was never touched, or is read-only. avx512bw
 * stores the first bytes with a mask too, and they may be the last of their 64 bytes. So the same
 * is true for the page before the destination.
 *
 * All engines keep the contract of mcsafe_memcpy(). If no engine was selected, mcsafe_install() or
 * the first copy selects the first of avx512_erms, avx512, avx512bw, avx2_erms, avx2 and sse2 that
 * is a default on this processor and that the processor and the kernel support.
 *
 * The engines avx512_erms and avx2_erms fill by REP STOSB: from 4 KiB on with processors of Intel,
 * from 768 KiB on with those of AMD. With others they fill by vectors. erms fills by REP STOSB.
 *
 * The processor chooses the loads of REP MOVSB. The engines avx512_erms and avx2_erms therefore
 * start REP MOVSB at a 64-byte line of the source, and stop it before the last line, which vectors
 * copy. If REP MOVSB reads from the line past its operand, that line is still part of the source.
 * The kernel uses the same instruction to copy from memory that may be poisoned. To rule out loads
 * that cross a cache line, select avx512, avx512bw or avx2.
 *
 * The three engines with erms in their names are refused on Intel family 6 model 85 (Skylake-SP,
 * Cascade Lake, Cooper Lake), where REP MOVSB can consume poison in the line past the operand. They
 * are also refused in builds with MCSAFE_DEBUG.
 *
 * @return A static string: one of mcsafe_engine_names(). Never NULL. Must not be freed.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_engine_set()
 */
MCSAFE_API const char *mcsafe_engine_name(void) MCSAFE_NOEXCEPT;

/**
 * List the engines that this library was built with, including those that this processor cannot
 * run.
 *
 * @return A static string: the names, separated by single spaces. Never NULL. Must not be freed.
 *
 * @par Safety   MT-Safe, AS-Safe
 * @since 0.1    @see mcsafe_engine_set()
 */
MCSAFE_API const char *mcsafe_engine_names(void) MCSAFE_NOEXCEPT;

/**
 * Select the engine for all copies of this process that begin after the call.
 *
 * The environment variable MCSAFE_ENGINE selects an engine from outside the program.
 * mcsafe_install() reads the variable until one call of it has succeeded. A later
 * mcsafe_engine_set() overrides the variable.
 *
 * @param name  One of mcsafe_engine_names(). NULL returns to the automatic selection.
 *
 * @return 0         The engine is in use.
 *         -EINVAL   No engine has that name.
 *         -ENOTSUP  This processor cannot run the engine, or the engine is not safe on it.
 *         After an error the previous engine stays in use.
 *
 * @par Safety   MT-Safe, AS-Safe. errno is unchanged.
 * @since 0.1    @see mcsafe_engine_name(), mcsafe_engine_names()
 */
MCSAFE_API MCSAFE_NODISCARD int mcsafe_engine_set(const char *name) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_ENGINE_H */
