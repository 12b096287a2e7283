# cmake --install: the program, its plugins, what plugins are written against, and the Workload API client
# for other C++ programs (find_package(signet), signet::workload-client-grpc).
#
# The program finds its plugins beside itself, so the folders below the prefix are fixed. What it loads must
# belong to root or to who runs it, and be writable for nobody else: cmake --install gives such modes.
if(SIGNET_FUZZ OR SIGNET_SANITIZE)
  return()
endif()
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS  # whatever the umask is
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

install(TARGETS signet RUNTIME DESTINATION bin)
get_property(plugins GLOBAL PROPERTY SIGNET_PLUGINS)
install(TARGETS ${plugins} LIBRARY DESTINATION lib/signet/plugins)
install(DIRECTORY plugin-sdk/include/ DESTINATION include PATTERN .clang-format EXCLUDE)

set(packaged sdk crypto x509 jwt proto workload-client workload-client-grpc)
foreach(name ${packaged})
  set_target_properties(signet-${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS signet-${name} EXPORT signet ARCHIVE DESTINATION lib LIBRARY DESTINATION lib)
endforeach()
# Their names are common ones, so they do not lie in include/ itself.
foreach(name crypto x509 jwt workload-client)
  install(DIRECTORY libs/${name}/include/ DESTINATION include/signet-client)
  target_include_directories(signet-${name} INTERFACE $<INSTALL_INTERFACE:include/signet-client>)
endforeach()
install(EXPORT signet NAMESPACE signet:: DESTINATION lib/cmake/signet FILE signetTargets.cmake)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/signetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/signetConfig.cmake ${CMAKE_BINARY_DIR}/signetConfigVersion.cmake cmake/plugin.map
        DESTINATION lib/cmake/signet)
