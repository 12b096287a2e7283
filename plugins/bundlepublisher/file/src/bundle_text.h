// A bundle as the text of one of the formats.
#pragma once

#include "signet/bundle_publisher.h"

#include "config.h"

namespace signet::file_publisher {

/// Errors   kInvalidArgument, kInternal: an authority cannot be read or written
Result<std::string> bundle_text(const PublishedBundle& bundle, const Config& config);

}  // namespace signet::file_publisher
