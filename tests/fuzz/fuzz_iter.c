/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_iter.c - libFuzzer: bytes are a script of operations on iterators, checked by the model */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <mcsafe/handler.h>

#include "iter_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static int is_open;
	const char *bad;

	/* Not in LLVMFuzzerInitialize(): libFuzzer installs its own handlers after that. */
	if (!is_open) {
		if (mcsafe_install() != 0)
			abort();
		script_open();
		is_open = 1;
	}
	bad = script_run(bytes, n);
	if (bad != NULL) {
		fprintf(stderr, "iterators: %s\n", bad);
		abort();
	}
	return 0;
}
