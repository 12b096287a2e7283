// FilePublisher: keeps our bundle in a file that others read or serve.
#pragma once

#include <optional>

#include "signet/bundle_publisher.h"

#include "config.h"

namespace signet::file_publisher {

class FilePublisher final : public Plugin, public BundlePublisher {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  /// Replaces the file unless it says the same already. Errors   as bundle_text() and the disk's
  Status publish(const PublishedBundle& bundle) override;

 private:
  std::optional<Config> config_;  // while nothing is published
};

}  // namespace signet::file_publisher
