/* SPDX-License-Identifier: BSD-3-Clause */
/* clearing.c - have the firmware clear poison, by libndctl */
#include "clearing.h"

#include <errno.h>
#include <linux/ndctl.h>
#include <stdlib.h>

#include "base/kept_fd.h"
#include "base/msan.h"
#include "ndctl.h"

struct mcsafe__clearing {
	const struct mcsafe__ndctl *ndctl;
	struct ndctl_ctx *context;
	struct ndctl_cmd *capabilities; /* of the range: a command to clear is made from it */
	uint64_t address, n;
	struct mcsafe__low_fds held; /* from beginning to end: libndctl opens files at each step */
};

/* The low half of the firmware's status is an error (ACPI 6.4, 9.20.7), the high half
 * explains it. */
#define STATUS_ERROR 0xffffu

/* 0; -errno of the kernel; or -EIO: the firmware has refused. */
static int submit(const struct mcsafe__ndctl *ndctl, struct ndctl_cmd *command)
{
	/* A result above 0 is the number of bytes that the firmware has left out. That is
	 * no error. */
	int err = ndctl->submit(command);

	if (err < 0)
		return err;
	return (ndctl->firmware_status(command) & STATUS_ERROR) != 0 ? -EIO : 0;
}

static int ask_capabilities(struct mcsafe__clearing *c, const char *name)
{
	const struct mcsafe__ndctl *ndctl = c->ndctl;
	struct ndctl_region *region = mcsafe__ndctl_find_region(ndctl, c->context, name);
	struct ndctl_bus *bus;
	unsigned unit;
	int err;

	if (region == NULL)
		return -ENODEV;
	bus = ndctl->bus_of(region);
	if (!ndctl->supports(bus, ND_CMD_ARS_CAP) || !ndctl->supports(bus, ND_CMD_CLEAR_ERROR))
		return -EOPNOTSUPP;
	c->capabilities = ndctl->new_capabilities(bus, c->address, c->n);
	if (c->capabilities == NULL)
		return -ENOMEM;
	err = submit(ndctl, c->capabilities);
	if (err != 0)
		return err;
	unit = ndctl->clear_unit(c->capabilities);
	if (unit == 0)
		return -EOPNOTSUPP;
	return c->address % unit == 0 && c->n % unit == 0 ? 0 : -EINVAL;
}

int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n)
{
	const struct mcsafe__ndctl *ndctl = mcsafe__ndctl();
	struct mcsafe__clearing *c;
	int err;

	if (ndctl == NULL)
		return -ENOSYS;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->ndctl = ndctl;
	c->address = address;
	c->n = n;
	mcsafe__low_fds_hold(&c->held);
	mcsafe__msan_foreign_begin();
	err = mcsafe__ndctl_new_context(ndctl, &c->context);
	if (err == 0)
		err = ask_capabilities(c, region);
	mcsafe__msan_foreign_end();
	if (err == 0)
		*clearing = c;
	else
		mcsafe__clearing_end(c);
	return err;
}

/* Clear some bytes from `at` on. *cleared becomes their number. */
static int clear_some(const struct mcsafe__clearing *c, uint64_t at, uint64_t *cleared)
{
	const struct mcsafe__ndctl *ndctl = c->ndctl;
	struct ndctl_cmd *command =
		ndctl->new_clear_error(at, c->address + c->n - at, c->capabilities);
	int err;

	if (command == NULL)
		return -ENOMEM;
	err = submit(ndctl, command);
	*cleared = err == 0 ? ndctl->cleared(command) : 0;
	ndctl->unref_command(command);
	return err;
}

/* The firmware may clear less than it is asked to. It clears the rest when it is asked again. */
int mcsafe__clearing_run(const struct mcsafe__clearing *c)
{
	uint64_t done = 0;
	int err = 0;

	mcsafe__msan_foreign_begin();
	while (err == 0 && done < c->n) {
		uint64_t cleared = 0;

		err = clear_some(c, c->address + done, &cleared);
		if (err == 0 && (cleared == 0 || cleared > c->n - done))
			err = -EIO;
		done += cleared;
	}
	mcsafe__msan_foreign_end();
	return err;
}

void mcsafe__clearing_end(struct mcsafe__clearing *c)
{
	if (c == NULL)
		return;
	if (c->capabilities != NULL)
		c->ndctl->unref_command(c->capabilities);
	if (c->context != NULL)
		c->ndctl->unref(c->context);
	mcsafe__low_fds_release(&c->held);
	free(c);
}
