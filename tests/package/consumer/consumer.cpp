/* SPDX-License-Identifier: BSD-3-Clause */
/* consumer.cpp - the same program in C++, and what only C++ can ask */
#include "consumer.c"

static_assert(noexcept(mcsafe_install()), "declared noexcept");
static_assert(noexcept(memcpy_mcsafe(nullptr, nullptr, 0)), "declared noexcept");
