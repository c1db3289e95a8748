/* SPDX-License-Identifier: BSD-3-Clause */
/* version.c - the version of the library, for programs that load it */
#include <mcsafe/version.h>

const char *mcsafe_version(void)
{
	return MCSAFE_VERSION_STRING;
}
