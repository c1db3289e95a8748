/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Keep data on persistent memory" */
#include "frame.h"

#include <mcsafe/inject.h>

int main(void)
{
	static char page[PAGE], mirror[PAGE];
	off_t offset = (off_t)PAGE;
	struct mcsafe_pmem *pmem;
	char *memory =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(memory != MAP_FAILED);
	fill(mirror, PAGE);
	memcpy(memory + offset, mirror, PAGE);
	NEED(mcsafe_install() == 0);
	NEED(mcsafe_pmem_open_memory(&pmem, memory, 4 * PAGE, -1, 0, MCSAFE_PMEM_WRITE) == 0);
	if (mcsafe_inject(memory + offset, PAGE, MCSAFE_INJECT_POISON) != 0) {
		fprintf(stderr, "%s\n", mcsafe_inject_reason());
		return 77; /* nothing else that can be repaired fails without privilege */
	}
	NEED(memcpy_mcsafe(page, memory + offset, PAGE) == PAGE);
#include "lines.inc"
	NEED(got == (ssize_t)PAGE && is_good(page, PAGE) && is_good(memory + offset, PAGE));
	mcsafe_pmem_close(pmem);
	return 0;
}
