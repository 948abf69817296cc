# What cmake --install puts where, for programs that use the library: header, libraries, the CMake
# package, the pkg-config file, the data set that travels with the source.  The program itself is
# installed where it is made, in host/.
add_library(clgrad::clgrad_static ALIAS clgrad_static)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/clgrad)
install(FILES ${PROJECT_SOURCE_DIR}/include/clgrad/clgrad.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/clgrad)
install(FILES ${PROJECT_SOURCE_DIR}/datasets/iris/iris.csv
        DESTINATION ${CMAKE_INSTALL_DATADIR}/clgrad/datasets/iris)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/examples/xor_fashion.c
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# Two sets: who links the shared library needs none of the packages that the static one needs.
foreach(kind shared static)
  set(target clgrad)
  if(kind STREQUAL "static")
    set(target clgrad_static)
  endif()
  install(TARGETS ${target} EXPORT clgrad-${kind}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT clgrad-${kind} NAMESPACE clgrad:: FILE clgrad-${kind}.cmake
          DESTINATION ${package_folder})
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/clgradConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/clgradConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/clgradConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/clgradConfig.cmake
        ${PROJECT_BINARY_DIR}/clgradConfigVersion.cmake
        DESTINATION ${package_folder})

# The prefix is written relative to the .pc file, so that --prefix at installation is right as well.
file(RELATIVE_PATH CLGRAD_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" CLGRAD_PC_PREFIX "${CLGRAD_PC_PREFIX}")
set(CLGRAD_PC_CLBLAST "")
if(CLBlast_FOUND)
  set(CLGRAD_PC_CLBLAST " -lclblast")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/clgrad.pc.in ${PROJECT_BINARY_DIR}/clgrad.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/clgrad.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
