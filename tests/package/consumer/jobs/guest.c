/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Read the memory of a guest" */
#include "frame.h"

#include <mcsafe/inject.h>

enum { GUEST_PAGES = 16, BAD_PAGE = 3 };

int main(void)
{
	static char buffer[2 * PAGE];
	size_t size = GUEST_PAGES * PAGE, address = (BAD_PAGE - 1) * PAGE, len = sizeof(buffer);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	char *ram;

	NEED(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(ram != MAP_FAILED);
	fill(ram + address, PAGE);
	NEED(mcsafe_install() == 0);
	NEED(mcsafe_inject(ram + BAD_PAGE * PAGE, PAGE, MCSAFE_INJECT_AUTO) == 0);
#include "lines.inc"
	NEED(left == PAGE && is_good(buffer, PAGE));
	return 0;
}
