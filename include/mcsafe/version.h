/* SPDX-License-Identifier: BSD-3-Clause */
/* version.h - the version of libmcsafe. It is written only here. */
#ifndef MCSAFE_VERSION_H
#define MCSAFE_VERSION_H

#define MCSAFE_VERSION_MAJOR 0
#define MCSAFE_VERSION_MINOR 1
#define MCSAFE_VERSION_PATCH 0

#endif /* MCSAFE_VERSION_H */
