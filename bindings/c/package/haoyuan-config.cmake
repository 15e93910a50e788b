# find_package(haoyuan) gives haoyuan::haoyuan (shared) and haoyuan::static.
get_filename_component(_haoyuan "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET haoyuan::haoyuan)
  add_library(haoyuan::haoyuan SHARED IMPORTED)
  set_target_properties(haoyuan::haoyuan PROPERTIES
    IMPORTED_LOCATION "${_haoyuan}/lib/libhaoyuan.so.@VERSION@"
    IMPORTED_SONAME "libhaoyuan.so.@MAJOR@"
    INTERFACE_INCLUDE_DIRECTORIES "${_haoyuan}/include")
endif()

if(NOT TARGET haoyuan::static)
  add_library(haoyuan::static STATIC IMPORTED)
  set_target_properties(haoyuan::static PROPERTIES
    IMPORTED_LOCATION "${_haoyuan}/lib/libhaoyuan.a"
    INTERFACE_LINK_LIBRARIES "@PRIVATE@"
    INTERFACE_INCLUDE_DIRECTORIES "${_haoyuan}/include")
endif()

unset(_haoyuan)
