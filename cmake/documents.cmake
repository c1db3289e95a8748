# SPDX-License-Identifier: BSD-3-Clause
# documents.cmake - installs documents. Their links lead to what is installed, or are left out.

# mcsafe_install_documents(FILE...) - the files are named from the top of the tree. They and the
# examples are installed below CMAKE_INSTALL_DOCDIR.
function(mcsafe_install_documents)
  set(documents "${ARGN}")
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_DOCDIR
    BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE docdir)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR
    BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE includedir)
  file(RELATIVE_PATH include "${docdir}" "${includedir}")

  foreach(document IN LISTS documents)
    cmake_path(GET document FILENAME name)
    cmake_path(GET document PARENT_PATH directory)
    file(READ "${document}" text)
    # Targets without a scheme: only URLs have a colon.
    string(REGEX MATCHALL "\\([A-Za-z0-9_./-]+\\)" targets "${text}")
    list(REMOVE_DUPLICATES targets)
    foreach(target IN LISTS targets)
      string(REGEX REPLACE "[()]" "" target "${target}")
      cmake_path(APPEND directory "${target}" OUTPUT_VARIABLE path)
      cmake_path(NORMAL_PATH path)
      if(path IN_LIST documents OR path MATCHES "^(LICENSE|docs/valgrind.supp)$")
        cmake_path(GET path FILENAME new)
      elseif(path MATCHES "^examples/")
        set(new "${path}")
      elseif(path MATCHES "^include/(.*)")
        set(new "${include}/${CMAKE_MATCH_1}")
      else()
        set(new "")
      endif()
      if(new)
        string(REPLACE "](${target})" "](${new})" text "${text}")
      else()
        string(REGEX REPLACE "!?\\[([^]]*)\\]\\(${target}\\)" "\\1" text "${text}")
      endif()
    endforeach()
    file(CONFIGURE OUTPUT "documents/${name}" CONTENT "@text@" @ONLY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${document}")
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/documents/${name}"
      DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT mcsafe_documentation)
  endforeach()
endfunction()
