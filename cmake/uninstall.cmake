# SPDX-License-Identifier: BSD-3-Clause
# uninstall.cmake - removes what the last `cmake --install` of this build directory installed, and
# the directories of libmcsafe's own that are empty then. DESTDIR counts as it does for the install.
file(GLOB manifests install_manifest*.txt)
if(NOT manifests)
  message(FATAL_ERROR "nothing was installed from ${CMAKE_CURRENT_BINARY_DIR}: "
                      "it has no install_manifest.txt")
endif()

set(directories)
foreach(manifest IN LISTS manifests)
  file(STRINGS "${manifest}" files)
  foreach(file IN LISTS files)
    if(EXISTS "$ENV{DESTDIR}${file}" OR IS_SYMLINK "$ENV{DESTDIR}${file}")
      message(STATUS "Removing: $ENV{DESTDIR}${file}")
      file(REMOVE "$ENV{DESTDIR}${file}")
    endif()
    cmake_path(GET file PARENT_PATH directory)
    list(APPEND directories "${directory}")
  endforeach()
  file(REMOVE "${manifest}")
endforeach()

# The longest names come first, so that a directory comes after those inside it.
list(REMOVE_DUPLICATES directories)
list(SORT directories ORDER DESCENDING)
foreach(directory IN LISTS directories)
  file(GLOB left "$ENV{DESTDIR}${directory}/*")
  if(directory MATCHES "/mcsafe(/|$)" AND NOT left)
    file(REMOVE_RECURSE "$ENV{DESTDIR}${directory}")
  endif()
endforeach()
