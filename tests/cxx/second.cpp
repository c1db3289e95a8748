/* SPDX-License-Identifier: BSD-3-Clause */
/* second.cpp - the header in a second translation unit */
#include <mcsafe/mcsafe.hpp>

#include "second.hpp"

const std::error_category &category_of_second() noexcept
{
	return mcsafe::category();
}
