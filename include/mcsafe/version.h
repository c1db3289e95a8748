/* SPDX-License-Identifier: BSD-3-Clause */
/* version.h - the version of libmcsafe. It is written only here. */
#ifndef MCSAFE_VERSION_H
#define MCSAFE_VERSION_H

#include <mcsafe/compiler.h>

/* The version of this header. The library that the program runs with may be a later one. */
#define MCSAFE_VERSION_MAJOR 0
#define MCSAFE_VERSION_MINOR 1
#define MCSAFE_VERSION_PATCH 0

/** One number, for comparisons: 10000 * major + 100 * minor + patch. */
#define MCSAFE_VERSION_NUMBER \
 (MCSAFE_VERSION_MAJOR * 10000 + MCSAFE_VERSION_MINOR * 100 + MCSAFE_VERSION_PATCH)

#define MCSAFE_VERSION_TEXT_(number)    #number
#define MCSAFE_VERSION_TEXT_OF_(number) MCSAFE_VERSION_TEXT_(number)
/** "MAJOR.MINOR.PATCH", a string literal. */
#define MCSAFE_VERSION_STRING                  \
 MCSAFE_VERSION_TEXT_OF_(MCSAFE_VERSION_MAJOR) \
 "." MCSAFE_VERSION_TEXT_OF_(MCSAFE_VERSION_MINOR) "." MCSAFE_VERSION_TEXT_OF_(MCSAFE_VERSION_PATCH)

MCSAFE_BEGIN_DECLS

/**
 * The version of the library that the program runs with.
 *
 * @return MCSAFE_VERSION_STRING as it was when the library was built, for example "0.1.0". It is
 *         never NULL, stays valid, and must not be changed.
 *
 * @par Safety  MT-Safe, AS-Safe
 * @since 0.1
 */
MCSAFE_API const char *mcsafe_version(void) MCSAFE_NOEXCEPT;

MCSAFE_END_DECLS

#endif /* MCSAFE_VERSION_H */
