/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base_wraps.c
 *
 * function: mcsafe__wraps
 * property: true exactly if start + n exceeds UINTPTR_MAX
 * loops: none
 * break: src/base/page.h s/n > UINTPTR_MAX - start/n >= UINTPTR_MAX - start/
 */
#include "proof.h"

#include "../src/base/page.h"

void proof(void)
{
	uintptr_t start = nondet_size();
	size_t n = nondet_size();

	PROVE(mcsafe__wraps(start, n) == ((unsigned __int128)start + n > UINTPTR_MAX));
	END();
}
