/* SPDX-License-Identifier: BSD-3-Clause */
/* second.hpp - what the second translation unit sees */
#ifndef MCSAFE_TESTS_CXX_SECOND_HPP
#define MCSAFE_TESTS_CXX_SECOND_HPP

#include <system_error>

/* The category, which must be the same object in all translation units. */
const std::error_category &category_of_second() noexcept;

#endif /* MCSAFE_TESTS_CXX_SECOND_HPP */
