# SPDX-License-Identifier: BSD-3-Clause
# The headers of libndctl, as NDCTL_INCLUDE_DIR: the library itself is opened when it is needed.
find_path(NDCTL_INCLUDE_DIR ndctl/libndctl.h)
mark_as_advanced(NDCTL_INCLUDE_DIR)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Ndctl REQUIRED_VARS NDCTL_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libndctl-dev, or set MCSAFE_WITH_NDCTL=OFF")
