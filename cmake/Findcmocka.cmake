# SPDX-License-Identifier: BSD-3-Clause
# Defines the target cmocka::cmocka. The package config of Debian 12 sets variables only.
find_package(cmocka QUIET CONFIG)
if(NOT TARGET cmocka::cmocka)
  find_path(CMOCKA_INCLUDE_DIR cmocka.h)
  find_library(CMOCKA_LIBRARY cmocka)
  if(CMOCKA_INCLUDE_DIR AND CMOCKA_LIBRARY)
    add_library(cmocka::cmocka UNKNOWN IMPORTED)
    set_target_properties(cmocka::cmocka PROPERTIES
      IMPORTED_LOCATION "${CMOCKA_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${CMOCKA_INCLUDE_DIR}")
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cmocka REQUIRED_VARS CMOCKA_LIBRARY CMOCKA_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libcmocka-dev, or set MCSAFE_BUILD_TESTS=OFF")
