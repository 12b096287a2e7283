#include "proto/quiet.h"

#include <google/protobuf/stubs/logging.h>

namespace signet::proto {

void keep_protobuf_quiet() { google::protobuf::SetLogHandler(nullptr); }

}  // namespace signet::proto
