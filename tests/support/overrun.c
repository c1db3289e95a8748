/* SPDX-License-Identifier: BSD-3-Clause */
/* overrun.c - a recursion that runs past the end of its stack */
#include "overrun.h"

static volatile int endless = 1;

/* NOLINTNEXTLINE(misc-no-recursion): the recursion is the purpose. */
static int overrun(volatile char *caller)
{
	volatile char frame[4096];

	frame[0] = caller[0];
	frame[4095] = frame[0];
	return endless ? overrun(frame) + frame[4095] : 0;
}

int t_overrun_stack(void)
{
	volatile char start = 1;

	return overrun(&start);
}
