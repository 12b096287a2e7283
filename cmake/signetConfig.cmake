# find_package(signet): signet::sdk, what plugins are written against.
include(${CMAKE_CURRENT_LIST_DIR}/signetTargets.cmake)
# What a plugin's linker is told to export: target_link_options(... -Wl,--version-script=${SIGNET_PLUGIN_MAP})
set(SIGNET_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map)
