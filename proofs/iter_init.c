/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_init.c
 *
 * function: mcsafe_iter_ubuf, mcsafe_iter_discard, mcsafe_iter_fd
 * property: begun with n bytes up to SSIZE_MAX, nothing wraps or overflows; or refused and empty
 * loops: none
 * break: src/iter/init.c s/ || mcsafe__wraps((uintptr_t)buf, n)//
 * break: src/iter/init.c s/n > SSIZE_MAX - (size_t)offset/n > SSIZE_MAX/
 * break: src/iter/init.c s/_SIDE_DESTINATION || n > SSIZE_MAX/_SIDE_DESTINATION/
 * break: src/iter/init.c s/it->end = count < total ? count : total/it->end = 0/
 */
#include "proof.h"

#include "../src/iter/init.c"

void proof(void)
{
	struct mcsafe_iter it; /* with any values */
	enum mcsafe_side side = (enum mcsafe_side)nondet_int();
	size_t n = nondet_size();
	off_t offset = (off_t)nondet_size();
	uintptr_t buffer = nondet_u64();
	int way = nondet_int(), fd = nondet_int(), err;

	if (way == 0)
		err = mcsafe_iter_ubuf(&it, side, (void *)buffer, n);
	else if (way == 1)
		err = mcsafe_iter_discard(&it, side, n);
	else
		err = mcsafe_iter_fd(&it, side, fd, offset, n);
	PROVE(err == 0 || err == -EINVAL || err == -EBADF || err == -ESPIPE);
	if (err != 0) {
		PROVE(it.flavour == MCSAFE__EMPTY && it.end == 0 && it.pos == 0);
	} else {
		PROVE(it.pos == 0 && it.end == n && it.total == n && n <= SSIZE_MAX);
		PROVE(it.side == side);
		if (way == 0)
			PROVE(n <= UINTPTR_MAX - buffer);
		else if (way == 1)
			PROVE(side == MCSAFE_SIDE_DESTINATION);
		else
			PROVE(fd >= 0 &&
			      (offset == -1 || (offset >= 0 && n <= SSIZE_MAX - (size_t)offset)));
	}
	END();
}
