# SPDX-License-Identifier: BSD-3-Clause
# Finds the headers of libndctl, as NDCTL_INCLUDE_DIR. The library is opened at run time.
find_path(NDCTL_INCLUDE_DIR ndctl/libndctl.h)
mark_as_advanced(NDCTL_INCLUDE_DIR)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Ndctl REQUIRED_VARS NDCTL_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libndctl-dev, or set MCSAFE_WITH_NDCTL=OFF")
