#include "crypto/pem.h"

#include "crypto/encoding.h"

namespace signet::crypto {

namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

// The label of "-----BEGIN label-----"; nothing when the line is not such a line.
std::optional<std::string_view> label_of(std::string_view line, std::string_view kind) {
  if (!line.starts_with(kind) || !line.ends_with(kDashes) ||
      line.size() <= kind.size() + kDashes.size()) {
    return std::nullopt;
  }
  line.remove_prefix(kind.size());
  line.remove_suffix(kDashes.size());
  return line;
}

Status refuse(std::size_t line, const char* text) {
  return Status::invalid_argument("PEM line " + std::to_string(line) + ": " + text)
      .with("line", std::to_string(line));
}

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  // The next line without its end ("\n" or "\r\n") and trailing blanks.
  std::optional<std::string_view> next() {
    if (text_.empty()) return std::nullopt;
    ++number_;
    const std::size_t end = std::min(text_.find('\n'), text_.size());
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    return line;
  }
  std::size_t number() const { return number_; }

 private:
  std::string_view text_;
  std::size_t number_ = 0;
};

}  // namespace

Result<std::vector<PemBlock>> read_pem(std::string_view text) {
  std::vector<PemBlock> blocks;
  Lines lines(text);
  while (const auto line = lines.next()) {
    const auto label = label_of(*line, kBegin);
    if (!label) {
      if (line->starts_with(kDashes)) return refuse(lines.number(), "expected a BEGIN line");
      continue;  // text around blocks
    }
    if (blocks.size() == kMaxPemBlocks) return refuse(lines.number(), "too many blocks");
    const std::size_t begin_line = lines.number();
    Bytes base64;
    base64.reserve(text.size());  // grown once, so no unwiped copy of a key is left behind
    SecretBytes wiped;
    while (true) {
      const auto body = lines.next();
      if (!body) {
        wipe(base64);
        return refuse(begin_line, "block has no END line");
      }
      if (const auto end = label_of(*body, kEnd)) {
        wiped = SecretBytes::adopt(std::move(base64));
        if (*end != *label) return refuse(lines.number(), "END line has another label");
        break;
      }
      base64.insert(base64.end(), body->begin(), body->end());
    }
    auto der = base64_decode(wiped.text());
    if (!der || der->empty()) return refuse(begin_line, "block is not base64");
    blocks.push_back({std::string(*label), SecretBytes::adopt(*std::move(der)), begin_line});
  }
  return blocks;
}

SecretBytes write_secret_pem(std::string_view label, ByteView der) {
  constexpr std::size_t kColumns = 64;
  const SecretBytes base64 = base64_encode_secret(der);
  Bytes out;
  out.reserve(base64.size() + base64.size() / kColumns + 2 * label.size() + 64);
  const auto put = [&](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  put(kBegin);
  put(label);
  put("-----\n");
  for (std::string_view rest = base64.text(); !rest.empty();) {
    const std::string_view line = rest.substr(0, kColumns);
    put(line);
    put("\n");
    rest.remove_prefix(line.size());
  }
  put(kEnd);
  put(label);
  put("-----\n");
  return SecretBytes::adopt(std::move(out));
}

std::string write_pem(std::string_view label, ByteView der) {
  return std::string(write_secret_pem(label, der).text());
}

}  // namespace signet::crypto
