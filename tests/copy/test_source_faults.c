/* SPDX-License-Identifier: BSD-3-Clause */
/* test_source_faults.c - the source is bad: every kind, distance, alignment and phase */
#include "sweep.h"

static void test_stops_at_the_first_bad_source_byte(void **state)
{
	sweep_side(*state, MCSAFE_SIDE_SOURCE);
}

int main(void)
{
	return sweep_run("copy.source_faults", T_SIDE(MCSAFE_SIDE_SOURCE),
			 test_stops_at_the_first_bad_source_byte);
}
