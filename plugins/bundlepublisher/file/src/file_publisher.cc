#include "file_publisher.h"

#include <fstream>
#include <iterator>

#include "bundle_text.h"
#include "cli/write_file.h"

namespace signet::file_publisher {
namespace {

// Not written again for nothing: whoever watches the file would think that it changed.
bool holds(const std::string& path, const std::string& text) {
  std::ifstream file(path, std::ios::binary);
  std::string now(text.size() + 1, '\0');
  file.read(now.data(), static_cast<std::streamsize>(now.size()));
  return file.gcount() == static_cast<std::streamsize>(text.size()) &&
         now.compare(0, text.size(), text) == 0;
}

}  // namespace

const void* FilePublisher::service(std::string_view id) {
  return id == SIGNET_BUNDLE_PUBLISHER ? bundle_publisher_table<FilePublisher>() : nullptr;
}

Status FilePublisher::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status FilePublisher::configure(Call&, std::string_view json) {
  SIGNET_TRY(Config config, Config::parse(json));
  SIGNET_RETURN_IF_ERROR(host().will_write_file(config.path));
  config_ = std::move(config);
  return {};
}

Status FilePublisher::publish(const PublishedBundle& bundle) {
  if (!config_) return Status::failed_precondition("not configured");
  SIGNET_TRY(const std::string text, bundle_text(bundle, *config_));
  if (holds(config_->path, text)) return {};
  return cli::write_file(config_->path, text, cli::kPublicMode);
}

}  // namespace signet::file_publisher
