/* SPDX-License-Identifier: BSD-3-Clause */
/* wrong_order.c - a program learns that its copies do not go through the injector */
#include <errno.h>
#include <stdio.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

int main(void)
{
	char from[100] = "", to[100];
	int error = mcsafe_inject_schedule("copy:1");

	printf("%d: %s\n", error, mcsafe_inject_reason());
	if (error != -EOPNOTSUPP || mcsafe_inject_failures() != 0)
		return 1;
	return memcpy_mcsafe(to, from, sizeof(to)) == 0 ? 0 : 1;
}
