// The main() of a suite: its options, and what they say of the plugin under test.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "scope_under_test.h"

namespace signet::conformance {

using Option = std::pair<std::string_view, std::string*>;

/// `prepare` may look at the options and change them before the tests run; `more` are the suite's
/// own.
inline int run_suite(
    int argc, char** argv, PluginUnderTest& plugin, const std::function<void()>& prepare = [] {},
    const std::vector<Option>& more = {}) {
  testing::InitGoogleTest(&argc, argv);
  std::vector<Option> options = {{"--plugin", &plugin.file},
                                 {"--config", &plugin.config},
                                 {"--trust-domain", &plugin.trust_domain},
                                 {"--plugin-dir", &plugin.plugin_dir},
                                 {"--library-dir", &plugin.library_dir}};
  options.insert(options.end(), more.begin(), more.end());
  bool good = argc % 2 == 1;
  for (int n = 1; good && n + 1 < argc; n += 2) {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [&](const Option& o) { return o.first == argv[n]; });
    good = found != options.end();
    if (good) *found->second = argv[n + 1];
  }
  if (!good || plugin.file.empty()) {
    std::cerr << "usage: " << argv[0]
              << " --plugin FILE.so [--config JSON] [--trust-domain NAME]"
                 " [--plugin-dir DIR] [--library-dir DIR]";
    for (const auto& [name, value] : more) std::cerr << " [" << name << " VALUE]";
    std::cerr << "\n";
    return 2;
  }
  plugin.file = std::filesystem::absolute(plugin.file).string();
  prepare();
  return RUN_ALL_TESTS();
}

}  // namespace signet::conformance
