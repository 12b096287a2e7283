#include "cli/output.h"

#include <algorithm>

#include "cli/go_text.h"
#include "proto/json.h"

namespace signet::cli {

void Output::declare(FlagSet& flags, const char* name) {
  flags.custom(
      name,
      [this](std::string_view value) -> Status {
        const std::string now = json_ ? "json" : "pretty";
        if (set_ && now != value) {
          return Status::invalid_argument("the output format has already been set to " +
                                          go_quote(now));
        }
        std::string low(value);
        std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) {
          return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
        });
        if (low != "json" && low != "pretty" && low != "prettyprint") {
          return Status::invalid_argument("bad formatter flag: unknown format option: " +
                                          go_quote(value));
        }
        json_ = low == "json";
        set_ = true;
        return {};
      },
      "form of the answer: pretty (the default, for people) or json (for programs)");
}

Status Output::print(Io& io, const std::vector<const google::protobuf::Message*>& messages,
                     const std::function<Status()>& pretty) const {
  if (!json_) return pretty();
  SIGNET_TRY(const std::string text, proto::to_cli_json(messages));
  io.out(text + "\n");
  return {};
}

}  // namespace signet::cli
