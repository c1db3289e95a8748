/* SPDX-License-Identifier: BSD-3-Clause */
/* linked.c - a program that uses every engine; it is linked statically, and never run */
#include <mcsafe/mcsafe.h>

int main(int argc, char **argv)
{
	struct mcsafe_fault fault;
	size_t left = mcsafe_memcpy_flushcache(argv[0], argv[1], (size_t)argc, &fault);

	return mcsafe_install() + (int)(left + mcsafe_memset(argv[0], 0, (size_t)argc, &fault));
}
