/* SPDX-License-Identifier: BSD-3-Clause */
/* linked.c - a program that uses every engine. It is linked statically, and never run. */
#include <mcsafe/mcsafe.h>

int main(int argc, char **argv)
{
	struct mcsafe_fault fault;
	uint64_t word;
	size_t left = mcsafe_memcpy_flushcache(argv[0], argv[1], (size_t)argc, &fault);

	if (mcsafe_access_load(argv[0], 8, &word, &fault) != MCSAFE_CAUSE_NONE ||
	    mcsafe_memchr(argv[0], argc, left, &left, &fault) != MCSAFE_CAUSE_NONE)
		return 1;
	return mcsafe_install() + (int)(left + mcsafe_memset(argv[0], 0, (size_t)argc, &fault));
}
