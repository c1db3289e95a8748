/* SPDX-License-Identifier: BSD-3-Clause */
/* run_victim_mcsafe.c - a program that survives by libmcsafe: run_victim_mcsafe copy|plain FILE */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

/* LeakSanitizer traces the process that it looks at, which mcsafe run does already. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return 1;
}

int main(int argc, char **argv)
{
	static char copy[1 << 20];
	struct stat st;
	size_t left;
	char *map;
	int fd;

	if (argc < 3 || mcsafe_install() != 0)
		return 99;
	fd = open(argv[2], O_RDWR);
	if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size > sizeof(copy))
		return 99;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || ftruncate(fd, 4096) != 0)
		return 99;
	/* An access that the library does not protect. */
	if (strcmp(argv[1], "plain") == 0)
		copy[0] = *(volatile char *)(map + 8192);
	left = mcsafe_memcpy(copy, map, (size_t)st.st_size, NULL);
	printf("%zu bytes are missing\n", left);
	return left != 0 ? 4 : 0;
}
