/* SPDX-License-Identifier: BSD-3-Clause */
/* install_hook.h - what mcsafe_install() asks of the copies, which are a layer above */
#ifndef MCSAFE_SRC_INSTALL_HOOK_H
#define MCSAFE_SRC_INSTALL_HOOK_H

/*
 * Called by each mcsafe_install() before it changes a handler, under the lock of control.c. Returns 0,
 * or -errno, which mcsafe_install() returns without having changed anything. The layer above defines
 * the pointer and its value (engine_names.c: use the engine that the environment names).
 */
extern int (*const mcsafe__install_hook)(void);

#endif /* MCSAFE_SRC_INSTALL_HOOK_H */
