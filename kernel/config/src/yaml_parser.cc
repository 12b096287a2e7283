// YAML to ConfigNode. yaml-cpp reads; here aliases are expanded within the limits, plain
// scalars get the types of YAML's core schema, and exceptions end.
#include <exception>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "config/reader.h"
#include "cursor.h"
#include "number.h"
#include "utf8.h"

namespace signet::config {
namespace {

class YamlConverter {
 public:
  explicit YamlConverter(std::string_view file)
      : file_(std::make_shared<const std::string>(file)) {}

  Position at(const YAML::Mark& mark) const {
    if (mark.is_null()) return Position{file_, 1, 1};
    return Position{file_, static_cast<std::uint32_t>(mark.line) + 1,
                    static_cast<std::uint32_t>(mark.column) + 1};
  }

  // An alias shares its anchor's node, so a few lines can stand for billions of nodes:
  // each visit is paid from the budget, and a node that contains itself ends at the depth.
  Result<ConfigNode> convert(const YAML::Node& node, std::size_t depth) {
    const Position position = at(node.Mark());
    SIGNET_RETURN_IF_ERROR(budget_.take(position));
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return ConfigNode::null(position);
      case YAML::NodeType::Scalar:
        return scalar(node, position);
      case YAML::NodeType::Sequence: {
        SIGNET_RETURN_IF_ERROR(check_depth(depth, position));
        ConfigNode list = ConfigNode::list(position);
        for (const auto& item : node) {
          SIGNET_TRY(ConfigNode value, convert(item, depth + 1));
          list.items().push_back(std::move(value));
        }
        return list;
      }
      case YAML::NodeType::Map:
        return map(node, position, depth);
    }
    return error_at(position, "not a value");
  }

 private:
  Result<ConfigNode> map(const YAML::Node& node, const Position& position, std::size_t depth) {
    SIGNET_RETURN_IF_ERROR(check_depth(depth, position));
    ConfigNode object = ConfigNode::object(position);
    std::unordered_set<std::string> keys;
    for (const auto& member : node) {
      Position key_position = at(member.first.Mark());
      SIGNET_RETURN_IF_ERROR(budget_.take(key_position));
      if (!member.first.IsScalar()) return error_at(key_position, "a key must be a string");
      std::string key = member.first.Scalar();
      if (key == "<<") return error_at(key_position, "merge keys (<<) are not supported");
      if (!keys.insert(key).second) return error_at(key_position, "key is written twice");
      SIGNET_RETURN_IF_ERROR(check_string(key, key_position));
      SIGNET_TRY(ConfigNode value, convert(member.second, depth + 1));
      object.add(std::move(key), std::move(key_position), std::move(value));
    }
    return object;
  }

  Result<ConfigNode> scalar(const YAML::Node& node, const Position& position) const {
    const std::string& text = node.Scalar();
    const std::string& tag = node.Tag();  // "?" for a plain one, "!" for one in quotes
    SIGNET_RETURN_IF_ERROR(check_string(text, position));
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return ConfigNode::string(text, position);
    if (!tag.empty() && tag != "?") return error_at(position, "tags are not supported");
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
      return ConfigNode::null(position);
    }
    if (text == "true" || text == "True" || text == "TRUE") {
      return ConfigNode::boolean(true, position);
    }
    if (text == "false" || text == "False" || text == "FALSE") {
      return ConfigNode::boolean(false, position);
    }
    if (const auto value = parse_integer(text)) return ConfigNode::integer(*value, text, position);
    if (const auto value = parse_double(text)) return ConfigNode::floating(*value, text, position);
    return ConfigNode::string(text, position);
  }

  static Status check_string(const std::string& text, const Position& position) {
    if (is_utf8(text) && text.find('\0') == std::string::npos) return {};
    return error_at(position, "string is not UTF-8 text");
  }

  std::shared_ptr<const std::string> file_;
  NodeBudget budget_;
};

// Where documents begin; it makes nothing of them.
class DocumentMarks final : public YAML::EventHandler {
 public:
  const std::vector<YAML::Mark>& marks() const { return marks_; }

  void OnDocumentStart(const YAML::Mark&) override { begins_ = true; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { node(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { node(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    node(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    node(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    node(mark);
  }
  void OnMapEnd() override {}

 private:
  void node(const YAML::Mark& mark) {
    if (std::exchange(begins_, false)) marks_.push_back(mark);
  }
  bool begins_ = false;
  std::vector<YAML::Mark> marks_;
};

}  // namespace

Result<ConfigNode> parse_yaml(std::string_view text, std::string_view file) {
  SIGNET_RETURN_IF_ERROR(check_text(text, file));
  YamlConverter converter(file);
  try {
    // Some of what stands behind a document, such as a comma, is to yaml-cpp an empty document
    // more, and one more, without end: LoadAll would never return.
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    DocumentMarks documents;
    while (documents.marks().size() < 2 && parser.HandleNextDocument(documents)) {
    }
    if (documents.marks().size() > 1) {
      return error_at(converter.at(documents.marks()[1]), "a second document is not allowed");
    }
    const YAML::Node document = YAML::Load(std::string(text));
    if (document.IsNull()) return ConfigNode::object(converter.at(YAML::Mark()));
    if (!document.IsMap()) {
      return error_at(converter.at(document.Mark()), "expected keys and values");
    }
    return converter.convert(document, 1);
  } catch (const YAML::Exception& e) {
    return error_at(converter.at(e.mark), e.msg);
  } catch (const std::exception& e) {
    return error_at(converter.at(YAML::Mark()), e.what());
  }
}

}  // namespace signet::config
