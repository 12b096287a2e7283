// An explanation as text for people.
#pragma once

#include <string>

#include "signet/explain/v1/explain.pb.h"

namespace signet::explain {

std::string text_of(const v1::Explanation& explanation);

}  // namespace signet::explain
