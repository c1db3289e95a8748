/* SPDX-License-Identifier: BSD-3-Clause */
/* module_object.c - a shared object with rows of its own, for test_modules.c */
#include "module_rows.h"

int t_object_load(const volatile void *p, struct t_registers *registers);
void t_object_rows(const struct mcsafe_row **first, const struct mcsafe_row **end);

int t_object_load(const volatile void *p, struct t_registers *registers)
{
	int failed;

	T_TRY(failed, registers, p, MCSAFE_ROW_LOAD, "movb (%[p]), %%dl");
	return failed;
}

void t_object_rows(const struct mcsafe_row **first, const struct mcsafe_row **end)
{
	*first = MCSAFE_MODULE_ROWS;
	*end = MCSAFE_MODULE_ROWS_END;
}
