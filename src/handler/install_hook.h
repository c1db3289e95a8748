/* SPDX-License-Identifier: BSD-3-Clause */
/* install_hook.h - how mcsafe_install() calls the copies, which are a layer above */
#ifndef MCSAFE_SRC_INSTALL_HOOK_H
#define MCSAFE_SRC_INSTALL_HOOK_H

/*
 * Each mcsafe_install() calls this before it changes a handler, under the lock of control.c. If the
 * result is not 0 but -errno, mcsafe_install() changes nothing and returns it. The layer above
 * defines the pointer (engine_names.c: use the engine that the environment names).
 */
extern int (*const mcsafe__install_hook)(void);

#endif /* MCSAFE_SRC_INSTALL_HOOK_H */
