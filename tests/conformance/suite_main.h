// The main() of a suite: its options, and what they say of the plugin under test.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "scope_under_test.h"

namespace signet::conformance {

/// `prepare` may look at the options and change them before the tests run.
inline int run_suite(
    int argc, char** argv, PluginUnderTest& plugin, const std::function<void()>& prepare = [] {}) {
  testing::InitGoogleTest(&argc, argv);
  const std::pair<std::string_view, std::string*> options[] = {
      {"--plugin", &plugin.file},
      {"--config", &plugin.config},
      {"--trust-domain", &plugin.trust_domain},
      {"--plugin-dir", &plugin.plugin_dir},
      {"--library-dir", &plugin.library_dir}};
  bool good = argc % 2 == 1;
  for (int n = 1; good && n + 1 < argc; n += 2) {
    const auto* found = std::find_if(std::begin(options), std::end(options),
                                     [&](const auto& o) { return o.first == argv[n]; });
    good = found != std::end(options);
    if (good) *found->second = argv[n + 1];
  }
  if (!good || plugin.file.empty()) {
    std::cerr << "usage: " << argv[0]
              << " --plugin FILE.so [--config JSON] [--trust-domain NAME]"
                 " [--plugin-dir DIR] [--library-dir DIR]\n";
    return 2;
  }
  plugin.file = std::filesystem::absolute(plugin.file).string();
  prepare();
  return RUN_ALL_TESTS();
}

}  // namespace signet::conformance
