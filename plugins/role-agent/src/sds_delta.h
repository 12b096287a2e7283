// SdsDeltaStream: DeltaSecrets, the incremental form of xDS. A name that means nothing to the
// caller is told as removed, and sent once it means something: the stream goes on.
#pragma once

#include <map>

#include "sds_stream.h"

namespace signet::agent {

class SdsDeltaStream final : public SdsStream {
 public:
  using SdsStream::SdsStream;

 private:
  Status read(std::string_view request) override;
  Status answer(const WorkloadUpdate& now, const SdsSelection& chosen) override;
  /// The names that are to be told as removed.
  std::vector<std::string> removed(const WorkloadUpdate& now, const SdsSelection& chosen) const;

  // What the client has, refused or not: the version by name, empty where it was told that there
  // is none. Not there: it was told nothing.
  std::map<std::string, std::string, std::less<>> client_;
};

}  // namespace signet::agent
