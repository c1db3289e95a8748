/* SPDX-License-Identifier: BSD-3-Clause */
/* mounts.c - lines of /proc/self/mountinfo and similar files, without allocation */
#include "mounts.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "numbers.h"

int mcsafe__word(struct mcsafe__reader *r, char *to, size_t room, const char *ends)
{
	size_t n = 0;
	int c = mcsafe__reader_next(r);

	for (; c != -1 && c != '\n' && strchr(ends, c) == NULL; c = mcsafe__reader_next(r)) {
		if (n < room)
			to[n] = (char)c;
		n++;
	}
	to[n < room ? n : 0] = '\0';
	return c;
}

bool mcsafe__mount_read(struct mcsafe__reader *r, struct mcsafe__mount *mount)
{
	char field[16];
	int c = ' ';

	for (int i = 0; i < 2 && c == ' '; i++)
		c = mcsafe__word(r, field, sizeof(field), " ");
	if (c == ' ')
		c = mcsafe__word(r, mount->device, sizeof(mount->device), " ");
	if (c == ' ')
		c = mcsafe__word(r, mount->root, sizeof(mount->root), " ");
	if (c == ' ')
		c = mcsafe__word(r, mount->point, sizeof(mount->point), " ");
	do
		if (c == ' ')
			c = mcsafe__word(r, field, sizeof(field), " ");
	while (c == ' ' && strcmp(field, "-") != 0);
	mount->type[0] = mount->options[0] = '\0';
	if (c == ' ')
		c = mcsafe__word(r, mount->type, sizeof(mount->type), " ");
	if (c == ' ')
		c = mcsafe__word(r, field, sizeof(field), " ");
	if (c == ' ')
		c = mcsafe__word(r, mount->options, sizeof(mount->options), " ");
	return c == '\n';
}

bool mcsafe__list_has(const char *list, const char *wanted)
{
	size_t n = strlen(wanted);

	for (const char *at = list; *at != '\0'; at += *at == ',') {
		size_t len = strcspn(at, ",");

		if (len == n && memcmp(at, wanted, n) == 0)
			return true;
		at += len;
	}
	return false;
}

/* `mount` is only room: no function has two large buffers. */
__attribute__((noinline)) static bool find_read_only(const char *device,
						     struct mcsafe__mount *mount)
{
	struct mcsafe__reader r;
	bool is_read_only = false;

	if (!mcsafe__reader_open(&r, "/proc/self/mountinfo"))
		return false;
	while (!is_read_only && mcsafe__mount_read(&r, mount))
		is_read_only = strcmp(mount->device, device) == 0 &&
			       (mcsafe__list_has(mount->options, "ro") ||
				mcsafe__list_has(mount->options, "emergency_ro"));
	mcsafe__reader_close(&r);
	return is_read_only;
}

bool mcsafe__device_is_read_only(dev_t device)
{
	char name[32], *end = mcsafe__append_number(name, major(device), 10);
	struct mcsafe__mount mount;

	(void)mcsafe__append_number(mcsafe__append(end, ":"), minor(device), 10);
	return find_read_only(name, &mount);
}
