/* SPDX-License-Identifier: BSD-3-Clause */
/* call.c - call a function under a guard. Only a frame of this file returns twice. */
#include <mcsafe/guard.h>

static int call_under(struct mcsafe_guard *guard, void (*fn)(void *), void *arg)
{
	MCSAFE_TRY_WINDOWS(guard, guard->windows, guard->n_windows) {
		fn(arg);
	}
	MCSAFE_CATCH(guard) {
		return -mcsafe_fault_errno(&guard->fault);
	}
	return 0;
}

int mcsafe_call_windows(const struct mcsafe_window *windows, size_t n_windows, void (*fn)(void *),
			void *arg, struct mcsafe_guard *guard)
{
	struct mcsafe_guard own;

	if (guard == NULL)
		guard = &own;
	return call_under(mcsafe_guard_list_(guard, windows, n_windows), fn, arg);
}

int mcsafe_call(const void *base, size_t len, void (*fn)(void *), void *arg,
		struct mcsafe_fault *fault)
{
	struct mcsafe_guard guard;
	int err = call_under(mcsafe_guard_one_(&guard, base, len), fn, arg);

	if (err != 0 && fault != NULL)
		*fault = guard.fault;
	return err;
}
