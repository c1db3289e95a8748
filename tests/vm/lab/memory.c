/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - contents that tests recognise, small pages, and pages that are lost */
#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

unsigned char lab_pattern(size_t i)
{
	return (unsigned char)(((uint32_t)i * 2654435761u) >> 25);
}

void lab_fill_pattern(unsigned char *to, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = lab_pattern(from + i);
}

bool lab_is_pattern(const unsigned char *at, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != lab_pattern(from + i))
			return false;
	return true;
}

bool lab_is_fill(const unsigned char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != FILL)
			return false;
	return true;
}

unsigned char *lab_pages(size_t n)
{
	unsigned char *pages =
		mmap(NULL, n * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	lab_need(pages != MAP_FAILED && madvise(pages, n * T_PAGE, MADV_NOHUGEPAGE) == 0,
		 "no memory");
	memset(pages, FILL, n * T_PAGE);
	return pages;
}

static void survive(int signo)
{
	(void)signo;
}

/*
 * Since Linux 6.11 MADV_HWPOISON counts as consumption, and raises SIGBUS for a dirty page. If the
 * page is in a larger block of the page cache that the kernel cannot split, the error is EHWPOISON,
 * and the page stays where it is.
 */
void lab_lose_page(unsigned char *page)
{
	struct sigaction ours = {.sa_handler = survive}, previous;
	int result, error;

	lab_need(sigaction(SIGBUS, &ours, &previous) == 0, "no handler for SIGBUS");
	result = madvise(page, T_PAGE, MADV_HWPOISON);
	error = errno;
	lab_need(sigaction(SIGBUS, &previous, NULL) == 0, "no handler for SIGBUS");
	lab_need(result == 0 || error == EHWPOISON, "MADV_HWPOISON fails");
}

long lab_meminfo(const char *field)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	char name[64];
	long value;
	long result = -1;

	lab_need(meminfo != NULL, "no /proc/meminfo");
	while (fscanf(meminfo, "%63[^:]: %ld%*[^\n]\n", name, &value) == 2)
		if (strcmp(name, field) == 0)
			result = value;
	fclose(meminfo);
	lab_need(result != -1, "/proc/meminfo has no %s", field);
	return result;
}
