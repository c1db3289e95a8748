/* SPDX-License-Identifier: BSD-3-Clause */
/* first_copy.c - the first example of README.md: a copy that meets the end of a truncated file */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

int main(void)
{
	static char copy[8192], why[512];
	static struct mcsafe_explanation explanation;
	struct mcsafe_fault fault = {0};
	char name[] = "/dev/shm/frames-XXXXXX";
	int fd = mcsafe_install() == 0 ? mkstemp(name) : -1;

	if (fd < 0 || ftruncate(fd, 4096) != 0)
		return 1;
	/* Map two pages of a file that has one. memcpy() of the second would die of SIGBUS. */
	const void *map = mmap(NULL, sizeof(copy), PROT_READ, MAP_SHARED, fd, 0);
	size_t left = mcsafe_memcpy(copy, map, sizeof(copy), &fault);

	if (left != 0 && mcsafe_explain(&fault, &explanation) == 0)
		mcsafe_explain_text(&explanation, why, sizeof(why));
	printf("%zu bytes copied, %zu lost:\n%s\n", sizeof(copy) - left, left, why);
	unlink(name);
	return left == 4096 ? 0 : 1;
}
