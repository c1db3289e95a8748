/* SPDX-License-Identifier: BSD-3-Clause */
/* first_copy.c - the first example of README.md: a copy that meets the end of a truncated file */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

int main(void)
{
	static char copy[8192];
	struct mcsafe_fault fault = {0};
	FILE *file = tmpfile();

	if (file == NULL || ftruncate(fileno(file), 4096) != 0 || mcsafe_install() != 0)
		return 1;
	/* Map two pages of a file that has one. memcpy() of the second would die of SIGBUS. */
	const void *map = mmap(NULL, sizeof(copy), PROT_READ, MAP_SHARED, fileno(file), 0);
	size_t left = mcsafe_memcpy(copy, map, sizeof(copy), &fault);

	printf("%zu bytes copied, %zu lost: %s\n", sizeof(copy) - left, left,
	       mcsafe_cause_name(fault.cause));
	return left == 4096 ? 0 : 1;
}
