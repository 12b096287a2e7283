// Registration entries as text for people.
#pragma once

#include <string>

#include "spire/api/types/entry.pb.h"

namespace signet::server::cli {

/// One block of "Name : value" lines with an empty line at its end.
std::string entry_text(const ::spire::api::types::Entry& entry);

}  // namespace signet::server::cli
