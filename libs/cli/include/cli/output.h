// Output: the form in which a command prints its answer, chosen by -output.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/flags.h"

namespace google::protobuf {
class Message;
}

namespace signet::cli {

class Output {
 public:
  /// Declares -output; as -output its value may be given again, not changed.
  void declare(FlagSet& flags, const char* name = "output");
  bool json() const { return json_; }

  /// JSON: the messages on one line (proto/json.h). Else whatever `pretty` prints; an error that
  /// it answers is the command's.
  Status print(Io& io, const std::vector<const google::protobuf::Message*>& messages,
               const std::function<Status()>& pretty) const;
  Status print(Io& io, const google::protobuf::Message& message,
               const std::function<Status()>& pretty) const {
    return print(io, std::vector<const google::protobuf::Message*>{&message}, pretty);
  }

 private:
  bool json_ = false;
  bool set_ = false;
};

}  // namespace signet::cli
