# SPDX-License-Identifier: BSD-3-Clause
# Defines the target Libunwind::Libunwind. libunwind ships no CMake package.
find_path(LIBUNWIND_INCLUDE_DIR libunwind.h)
find_library(LIBUNWIND_LIBRARY unwind)
mark_as_advanced(LIBUNWIND_INCLUDE_DIR LIBUNWIND_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libunwind REQUIRED_VARS LIBUNWIND_LIBRARY LIBUNWIND_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libunwind-dev, or build libmcsafe with MCSAFE_WITH_LIBUNWIND=OFF")
if(Libunwind_FOUND AND NOT TARGET Libunwind::Libunwind)
  add_library(Libunwind::Libunwind UNKNOWN IMPORTED)
  set_target_properties(Libunwind::Libunwind PROPERTIES
    IMPORTED_LOCATION "${LIBUNWIND_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LIBUNWIND_INCLUDE_DIR}")
endif()
