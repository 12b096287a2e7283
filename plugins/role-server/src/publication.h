// Publication: who does not have a revision of our own bundle yet.
//
// An authority must be published before it signs, or what it signs is believed by nobody.
// Source: docs/decisions on published before used.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signet::server {

class Publication {
 public:
  struct Lacking {
    std::size_t agents = 0;   // seen lately, by any server
    std::size_t servers = 0;  // alive, without us
    bool nobody() const { return agents == 0 && servers == 0; }
  };
  virtual ~Publication() = default;
  /// Who lacks the bundle of this revision. Safe from any thread; does not block.
  virtual Lacking lacking(std::uint64_t revision) const = 0;
};

}  // namespace signet::server
