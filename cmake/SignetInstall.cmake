# cmake --install: the program, its plugins, what plugins are written against (find_package(signet)), and the
# Workload API client for other C++ programs: find_package(SignetWorkloadClient), or pkg-config.
#
# What is installed may be moved: its packages find everything beside themselves.
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

install(TARGETS signet-sdk EXPORT signet)
set_target_properties(signet-sdk PROPERTIES EXPORT_NAME sdk)

# The client is static, but for the generated protobuf code, of which a process can have one copy only.
# gRPC is for those who ask for the component `grpc`.
foreach(name crypto x509 jwt proto workload-client workload-client-grpc)
  set(set SignetWorkloadClient)
  if(name MATCHES "-grpc$")
    set(set SignetWorkloadClientGrpc)
  endif()
  set_target_properties(signet-${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS signet-${name} EXPORT ${set} ARCHIVE DESTINATION lib LIBRARY DESTINATION lib)
endforeach()
# Their names are common ones, so they do not lie in include/ itself.
foreach(name crypto x509 jwt workload-client)
  install(DIRECTORY libs/${name}/include/ DESTINATION include/signet-client)
  target_include_directories(signet-${name} INTERFACE $<INSTALL_INTERFACE:include/signet-client>)
endforeach()

# signet_install_package(NAME EXPORTS... FILES...): lib/cmake/NAME with its version and exported targets.
function(signet_install_package name)
  cmake_parse_arguments(A "" "" "EXPORTS;FILES" ${ARGN})
  foreach(set ${A_EXPORTS})
    install(EXPORT ${set} NAMESPACE signet:: DESTINATION lib/cmake/${name} FILE ${set}Targets.cmake)
  endforeach()
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/${name}ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES cmake/${name}Config.cmake ${CMAKE_BINARY_DIR}/${name}ConfigVersion.cmake ${A_FILES}
          DESTINATION lib/cmake/${name})
endfunction()
signet_install_package(signet EXPORTS signet FILES cmake/plugin.map)
signet_install_package(SignetWorkloadClient EXPORTS SignetWorkloadClient SignetWorkloadClientGrpc)
foreach(name signet-workload-client signet-workload-client-grpc)
  configure_file(cmake/${name}.pc.in ${CMAKE_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION lib/pkgconfig)
endforeach()
