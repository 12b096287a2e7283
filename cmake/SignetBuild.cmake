# What every target of the tree shares: language level, warnings, hardening, and
# the four ways to add something (library, plugin, test, fuzzer).

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_SKIP_RPATH OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(SIGNET_PLUGIN_DIR ${CMAKE_BINARY_DIR}/lib/signet/plugins)
# Support libraries (libsignet-*.so) live here; see docs/decisions and kernel/loader.

find_program(SIGNET_CCACHE ccache)
if(SIGNET_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Clones anywhere share the cache: paths below the tree are taken relative to it.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
                                  CCACHE_NOHASHDIR=1 ${SIGNET_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
find_program(SIGNET_MOLD mold)
if(SIGNET_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Werror=return-type
                    -Werror=unused-result -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo OR CMAKE_BUILD_TYPE STREQUAL Release)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(SIGNET_SANITIZE)  # a preset sets it: address,undefined or thread
  add_compile_options(-fsanitize=${SIGNET_SANITIZE} -fno-sanitize-recover=undefined)
  add_compile_definitions(SIGNET_SANITIZED)  # what compilers define by themselves differs
  add_link_options(-fsanitize=${SIGNET_SANITIZE})
endif()
if(SIGNET_FUZZ)
  add_compile_options(-O1 -fsanitize=fuzzer-no-link)
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
if(SIGNET_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# signet_unity(TARGET): compiles several of its files as one where the preset asks for it
# (SIGNET_UNITY, how many at most) and their names allow it. A third of the time of a whole build.
function(signet_unity target)
  if(NOT SIGNET_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "^[^/].*\\.cc$")  # ours; generated ones are named absolutely
  execute_process(COMMAND python3 ${PROJECT_SOURCE_DIR}/scripts/lib/unity.py ${SIGNET_UNITY} ${sources}
                  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE lines
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${lines}")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([0-9]+) (.*)$" line "${line}")
    set_source_files_properties(${CMAKE_MATCH_2} PROPERTIES UNITY_GROUP ${target}-${CMAKE_MATCH_1})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# signet_add_library(NAME SOURCES... LIBS targets... DIR include dir)
# A static library of libs/, alias signet::NAME. Its public headers are included as
# "NAME/foo.h" from <room>/include.
function(signet_add_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(signet-${name} STATIC ${A_SOURCES})
  add_library(signet::${name} ALIAS signet-${name})
  target_include_directories(signet-${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(signet-${name} PUBLIC ${A_LIBS} PRIVATE ${A_PRIVATE_LIBS})
  signet_unity(signet-${name})
endfunction()

# signet_plugin_output(TARGET FOLDER): a MODULE as the loader takes it, FOLDER/TARGET.so: hidden
# symbols, one export, no undefined ones, never unloaded. FOLDER lies in the build folder.
function(signet_plugin_output target folder)
  set_target_properties(${target} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${folder}
    SKIP_BUILD_RPATH ON LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/plugin.map)
  target_link_options(${target} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/plugin.map
    -Wl,--exclude-libs,ALL -Wl,-z,nodelete)
  if(NOT SIGNET_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # The loader's trust walk refuses group-writable files, whatever the builder's umask was.
  set(folders ${folder})
  while(NOT folder STREQUAL CMAKE_BINARY_DIR)
    cmake_path(GET folder PARENT_PATH folder)
    list(APPEND folders ${folder})
  endwhile()
  add_custom_command(TARGET ${target} POST_BUILD COMMAND chmod 0755 $<TARGET_FILE:${target}> ${folders})
endfunction()

# signet_add_plugin(NAME SOURCES... LIBS targets...): <plugin dir>/NAME.so.
# The sources are also built once as the object library NAME-objects for unit tests.
function(signet_add_plugin name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  set(entry ${A_SOURCES})
  set(rest ${A_SOURCES})
  list(FILTER entry INCLUDE REGEX "(^|/)entry\\.(cc|c)$")
  list(FILTER rest EXCLUDE REGEX "(^|/)entry\\.(cc|c)$")
  if(rest)
    add_library(${name}-objects STATIC ${rest})
    target_include_directories(${name}-objects PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/src)
    target_link_libraries(${name}-objects PUBLIC signet::sdk ${A_LIBS})
    signet_unity(${name}-objects)
  endif()
  add_library(${name} MODULE ${entry})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE signet::sdk ${A_LIBS})
  if(rest)
    target_link_libraries(${name} PRIVATE ${name}-objects)
  endif()
  signet_plugin_output(${name} ${SIGNET_PLUGIN_DIR})
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${CMAKE_SOURCE_DIR}/plugins/")
    set_property(GLOBAL APPEND PROPERTY SIGNET_PLUGINS ${name})  # installed; examples are not
  endif()
endfunction()

# signet_add_test(NAME SOURCES... LIBS targets...): a GoogleTest program, found by ctest (label unit).
function(signet_add_test name)
  if(NOT SIGNET_TESTS OR SIGNET_FUZZ)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  add_executable(${name} ${A_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  # What is tested keeps its optimisation; the tests themselves need to compile fast.
  target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  target_compile_definitions(${name} PRIVATE SIGNET_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    SIGNET_BINARY_DIR="${CMAKE_BINARY_DIR}" SIGNET_PLUGIN_DIR="${SIGNET_PLUGIN_DIR}")
  target_link_libraries(${name} PRIVATE ${A_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  signet_unity(${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${A_LABELS}" TIMEOUT 300)
endfunction()

# signet_add_fuzzer(NAME SOURCES... LIBS targets...): a libFuzzer target under the preset `fuzz`;
# its kept corpus is tests/fuzz/corpus/NAME.
function(signet_add_fuzzer name)
  if(NOT SIGNET_FUZZ)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${A_LIBS})
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
endfunction()
