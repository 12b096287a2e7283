// protobuf's own words.
#pragma once

namespace signet::proto {

/// From now on protobuf writes nothing to standard error: it would put a line there, in a form of
/// its own, for each message of a stranger's whose text is not UTF-8. What it says comes back as a
/// message that could not be parsed. For programs of our own: it concerns the whole process.
void keep_protobuf_quiet();

}  // namespace signet::proto
