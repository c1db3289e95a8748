/* SPDX-License-Identifier: BSD-3-Clause */
/* test_destination_faults.c - the destination is bad: every kind, distance, alignment and phase */
#include "sweep.h"

static void test_stops_at_the_first_bad_destination_byte(void **state)
{
	sweep_side(*state, MCSAFE_SIDE_DESTINATION);
}

int main(void)
{
	return sweep_run("copy.destination_faults", T_SIDE(MCSAFE_SIDE_DESTINATION),
			 test_stops_at_the_first_bad_destination_byte);
}
