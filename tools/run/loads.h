/* SPDX-License-Identifier: BSD-3-Clause */
/* loads.h - whether a library can be loaded into a program */
#ifndef MCSAFE_TOOLS_RUN_LOADS_H
#define MCSAFE_TOOLS_RUN_LOADS_H

#include <stddef.h>

/*
 * Look at the file of a program, or at that of the interpreter of a script. NULL: the loader of
 * glibc will load a library that LD_PRELOAD names, and the program calls libc for what the library
 * takes the place of; or the file is none that can be known. Otherwise the reason why not, and
 * `path` becomes the file that it is about.
 */
const char *loads_not(char *path, size_t room);

#endif /* MCSAFE_TOOLS_RUN_LOADS_H */
