# SPDX-License-Identifier: BSD-3-Clause
# Defines the target cmocka::cmocka. CMocka's own package config defines it since version 1.1.6;
# that of Debian 12 sets variables only.
find_package(cmocka QUIET CONFIG)
if(TARGET cmocka::cmocka)
  set(cmocka_FOUND TRUE)
else()
  find_path(CMOCKA_INCLUDE_DIR cmocka.h)
  find_library(CMOCKA_LIBRARY cmocka)
  mark_as_advanced(CMOCKA_INCLUDE_DIR CMOCKA_LIBRARY)
  include(FindPackageHandleStandardArgs)
  find_package_handle_standard_args(cmocka REQUIRED_VARS CMOCKA_LIBRARY CMOCKA_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "install libcmocka-dev, or set MCSAFE_BUILD_TESTS=OFF")
  if(cmocka_FOUND)
    add_library(cmocka::cmocka UNKNOWN IMPORTED)
    set_target_properties(cmocka::cmocka PROPERTIES
      IMPORTED_LOCATION "${CMOCKA_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${CMOCKA_INCLUDE_DIR}")
  endif()
endif()

# CMocka 2 deprecates assert_in_range(), and has two functions for it. CMocka 1 has neither.
if(cmocka_VERSION VERSION_GREATER_EQUAL 2)
  set_property(TARGET cmocka::cmocka APPEND PROPERTY
    INTERFACE_COMPILE_OPTIONS -Wno-deprecated-declarations)
endif()
