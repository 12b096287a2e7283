// SPIRE's authority journal as ours: the same authorities in the same slots with the same keys.
#pragma once

#include "signet/spire_database/v1/spire_database.pb.h"
#include "signet/status.h"
#include "signet/store/v1/store.pb.h"

namespace signet::server {

/// Errors   kInvalidArgument: a slot, certificate or key that is none
Result<store::v1::Journal> convert_journal(const spire_database::v1::Journal& journal);

}  // namespace signet::server
