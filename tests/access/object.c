/* SPDX-License-Identifier: BSD-3-Clause */
/* object.c - a shared object with inline accesses, for test_modules.c to load and unload */
#include <mcsafe/access.h>

enum mcsafe_cause t_object_load(const uint32_t *p, uint32_t *value);
int t_object_ready(void);
const struct mcsafe_row *t_object_rows(void);

enum mcsafe_cause t_object_load(const uint32_t *p, uint32_t *value)
{
	return mcsafe_load_u32(p, value);
}

int t_object_ready(void)
{
	return mcsafe_access_ready();
}

const struct mcsafe_row *t_object_rows(void)
{
	return __start_mcsafe_access_rows;
}
