/* SPDX-License-Identifier: BSD-3-Clause */
/* reason.c - why the last call of this thread failed, in words; names of the kinds */
#include "injection.h"

static _Thread_local const char *reason = "";

int mcsafe__inject_fail(int error, const char *why)
{
	reason = why;
	return error;
}

const char *mcsafe_inject_reason(void)
{
	return reason;
}

const char *mcsafe_inject_kind_name(enum mcsafe_inject_kind kind)
{
	static const char *const names[] = {
		[MCSAFE_INJECT_NONE] = "none",       [MCSAFE_INJECT_HWPOISON] = "hwpoison",
		[MCSAFE_INJECT_POISON] = "poison",   [MCSAFE_INJECT_GUARD] = "guard",
		[MCSAFE_INJECT_PROTECT] = "protect", [MCSAFE_INJECT_EOF] = "eof",
		[MCSAFE_INJECT_AUTO] = "auto",
	};
	size_t i = (size_t)kind;

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : "unknown";
}
