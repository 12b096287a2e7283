// How the API words an error, alone and inside a batch.
//
// "msg" or "msg: cause"; a NOT_FOUND never tells its cause. The cause goes to the log either way.
#pragma once

#include <string>

#include "signet/host.h"
#include "signet/status.h"

#include "spire/api/types/status.pb.h"

namespace signet::server {

/// `cause` may be ok: there is none. Logs an error line.
Status api_error(const Host& host, Code code, std::string message, const Status& cause = {});

/// What the datastore could not do: kUnavailable while it is away, else kInternal as the peer.
Status store_error(const Host& host, std::string message, const Status& cause);

/// Into a batch item: code and text, "OK" for success.
void fill_status(const Status& status, spire::api::types::Status* out);

}  // namespace signet::server
