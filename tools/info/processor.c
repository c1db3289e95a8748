/* SPDX-License-Identifier: BSD-3-Clause */
/* processor.c - what the processor says of recovery from machine checks */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "info/items.h"

#define GROUP   "processor"
#define CPUINFO "/proc/cpuinfo"

/* IA32_MCG_CAP, and its bit SER_P: software error recovery (Intel SDM vol. 3B, 16.3.1.1). */
#define MCG_CAP   0x179
#define MCG_SER_P (UINT64_C(1) << 24)

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)) != NULL; at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void add_flag(struct items *items, const char *flags, const char *flag, const char *advice)
{
	if (flags == NULL)
		items_add(items, GROUP, flag, ITEM_UNKNOWN, NULL, CPUINFO " has no flags");
	else if (has_word(flags, flag))
		items_add(items, GROUP, flag, ITEM_YES, NULL, "%s", "");
	else
		items_add(items, GROUP, flag, ITEM_NO, advice, "%s", "");
}

static void add_ser_p(struct items *items)
{
	static const char name[] = "software error recovery (SER_P)";
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	uint64_t value;

	if (fd < 0) {
		items_add(items, GROUP, name, ITEM_UNKNOWN,
			  errno == ENOENT ? "as root: modprobe msr, and run this again"
					  : "run this as root",
			  "/dev/cpu/0/msr: %s", strerror(errno));
		return;
	}
	if (pread(fd, &value, sizeof(value), MCG_CAP) != sizeof(value))
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "MSR 0x179: %s", strerror(errno));
	else if (value & MCG_SER_P)
		items_add(items, GROUP, name, ITEM_YES, NULL, "needed, but not sufficient");
	else
		items_add(items, GROUP, name, ITEM_NO,
			  "a program cannot survive the machine check of a load", "%s", "");
	close(fd);
}

static void add_boot_option(struct items *items)
{
	char *line = item_line("/proc/cmdline");

	if (line == NULL)
		items_add(items, GROUP, "machine checks at boot", ITEM_UNKNOWN, NULL,
			  "/proc/cmdline: %s", strerror(errno));
	else if (has_word(line, "mce=off") || has_word(line, "nomce"))
		items_add(items, GROUP, "machine checks at boot", ITEM_NO,
			  "boot without mce=off and nomce", "turned off");
	else
		items_add(items, GROUP, "machine checks at boot", ITEM_YES, NULL, "not turned off");
	free(line);
}

void info_processor(struct items *items)
{
	char *vendor = item_field(CPUINFO, "vendor_id"),
	     *family = item_field(CPUINFO, "cpu family"), *model = item_field(CPUINFO, "model"),
	     *name = item_field(CPUINFO, "model name"), *flags = item_field(CPUINFO, "flags");

	if (vendor != NULL && family != NULL && model != NULL && name != NULL)
		items_add(items, GROUP, "model", ITEM_VALUE, NULL, "%s, family %s model %s", name,
			  family, model);
	else
		items_add(items, GROUP, "model", ITEM_UNKNOWN, NULL, CPUINFO " cannot be read");
	add_flag(items, flags, "mce", "the processor reports no machine checks");
	add_flag(items, flags, "mca", "the processor reports no details of machine checks");
	if (vendor != NULL && strcmp(vendor, "AuthenticAMD") == 0) {
		add_flag(items, flags, "succor",
			 "a program cannot survive the machine check of a load; in a virtual "
			 "machine the host must offer it");
		add_flag(items, flags, "overflow_recov",
			 "two errors in a row cannot be survived; in a virtual machine the host "
			 "must offer it");
	} else if (vendor != NULL && strcmp(vendor, "GenuineIntel") == 0) {
		add_ser_p(items);
	}
	add_boot_option(items);
	if (flags != NULL)
		items_add(items, GROUP, "virtual machine",
			  has_word(flags, "hypervisor") ? ITEM_YES : ITEM_NO, NULL, "%s",
			  has_word(flags, "hypervisor")
				  ? "the host decides which memory errors arrive here"
				  : "");
	free(vendor);
	free(family);
	free(model);
	free(name);
	free(flags);
}
