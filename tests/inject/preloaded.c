/* SPDX-License-Identifier: BSD-3-Clause */
/* preloaded.c - a program that does not know the injector, and reports which of its copies fails */
#include <stdio.h>

#include <mcsafe/mcsafe.h>

int main(void)
{
	char from[100] = "", to[100];
	size_t left[4];
	int i, failed = 0;

	if (mcsafe_install() != 0)
		return 9;
	left[0] = memcpy_mcsafe(to, from, 100);
	left[1] = mcsafe_memcpy(to, from, 100, NULL);
	left[2] = mcsafe_memcpy_flushcache(to, from, 100, NULL);
	left[3] = mcsafe_memset(to, 0, 100, NULL);
	for (i = 0; i < 4; i++)
		if (left[i] != 0) {
			printf("copy %d: %zu left\n", i + 1, left[i]);
			failed = 1;
		}
	return failed;
}
