/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Write to shared memory that may be full" */
#include "frame.h"

#include <sys/statvfs.h>

/* Fill the file system, which is small, but for one page. */
static void fill_up(const char *directory)
{
	static const char page[PAGE];
	struct statvfs fs;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	NEED(fd >= 0 && fstatvfs(fd, &fs) == 0 && fs.f_bfree > 1 && fs.f_bfree < 1000);
	for (; fs.f_bfree > 1; fs.f_bfree--)
		NEED(write(fd, page, PAGE) == (ssize_t)PAGE);
	close(fd);
}

int main(int argc, char **argv)
{
	static char frame[2 * PAGE];
	size_t size = sizeof(frame);
	int fd;
	unsigned char *shared = map_file(argv[argc - 1], size, &fd);

	fill_up(argv[argc - 1]);
	fill(frame, size);
	shared[0] = 1; /* the last page of memory that the file system has */
	NEED(kills(shared + PAGE, true, SIGBUS));
	NEED(mcsafe_install() == 0);
#include "lines.inc"
	NEED(left == PAGE && is_good(shared, PAGE));
	return 0;
}
