#include "path_template.h"

#include <variant>
#include <vector>

#include "path_functions.h"

namespace signet::x509pop {

struct PathTemplate::Block {
  struct Command;
  using Pipeline = std::vector<Command>;
  struct Field {
    std::vector<std::string> names;  // empty: the whole data
  };
  struct Operand {
    std::variant<nlohmann::json, Field, std::shared_ptr<const Pipeline>> value;
  };
  struct Command {
    const PathFunctionInfo* function = nullptr;  // nullptr: the only operand is the value
    std::vector<Operand> operands;
  };
  struct If {
    Pipeline condition;
    std::shared_ptr<const Block> then, otherwise;  // otherwise may be null
  };
  using Part = std::variant<std::string, Pipeline, If>;
  std::vector<Part> parts;
};

namespace {

using Json = nlohmann::json;
using Block = PathTemplate::Block;
using BlockPtr = std::shared_ptr<const Block>;
using Command = Block::Command;
using Field = Block::Field;
using Operand = Block::Operand;
using Pipeline = Block::Pipeline;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(source) {}

  Result<BlockPtr> run() {
    SIGNET_TRY(BlockPtr block, block_until_end(0));
    if (!word_.empty()) return wrong("\"" + word_ + "\" without an if");
    return block;
  }

 private:
  Status wrong(const std::string& text) const {
    return Status::invalid_argument("agent path template, character " + std::to_string(at_ + 1) +
                                    ": " + text);
  }
  bool looking_at(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  void skip_space() {
    while (at_ < source_.size() && is_space(source_[at_])) ++at_;
  }

  // Text and actions until the template's end, or an "else" or "end", which word_ then names.
  Result<BlockPtr> block_until_end(std::size_t depth) {
    if (depth > PathTemplate::kMaxDepth) return wrong("too deep");
    auto block = std::make_shared<Block>();
    word_.clear();
    while (at_ < source_.size()) {
      if (!looking_at("{{")) {
        const std::size_t end = std::min(source_.find("{{", at_), source_.size());
        std::string text(source_.substr(at_, end - at_));
        if (trim_next_) text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
        trim_next_ = false;
        // "{{- " cuts the white space before it.
        if (end + 3 < source_.size() && source_[end + 2] == '-' && is_space(source_[end + 3])) {
          text.erase(text.find_last_not_of(" \t\r\n") + 1);
        }
        if (!text.empty()) block->parts.emplace_back(std::move(text));
        at_ = end;
        continue;
      }
      open_action();
      if (looking_at("/*")) {  // nowhere else
        const std::size_t end = source_.find("*/", at_);
        if (end == std::string_view::npos) return wrong("unclosed comment");
        at_ = end + 2;
        SIGNET_RETURN_IF_ERROR(close_action());
        continue;
      }
      skip_space();
      const std::string word = keyword();
      if (word == "if") {
        SIGNET_TRY(Block::If branch, if_action(depth));
        block->parts.emplace_back(std::move(branch));
      } else if (word == "else" || word == "end") {
        word_ = word;
        return BlockPtr(std::move(block));
      } else if (!word.empty()) {
        return wrong("\"" + word + "\" is not supported in agent path templates");
      } else {
        SIGNET_TRY(Pipeline value, pipeline(depth));
        SIGNET_RETURN_IF_ERROR(close_action());
        block->parts.emplace_back(std::move(value));
      }
    }
    return BlockPtr(std::move(block));
  }

  void open_action() {
    at_ += 2;
    trim_next_ = false;
    if (at_ + 1 < source_.size() && source_[at_] == '-' && is_space(source_[at_ + 1])) at_ += 2;
  }
  Status close_action() {
    skip_space();
    if (is_space(source_[at_ - 1]) && looking_at("-}}")) {
      trim_next_ = true;
      ++at_;
    }
    if (!looking_at("}}")) return wrong("\"}}\" is expected");
    at_ += 2;
    return {};
  }

  // The keyword that begins here, taken; "" when it is none.
  std::string keyword() {
    constexpr std::string_view kKeywords[] = {"if",    "else",     "end",   "range",    "with",
                                              "block", "template", "break", "continue", "define"};
    std::size_t end = at_;
    while (end < source_.size() && is_word(source_[end])) ++end;
    const std::string_view word = source_.substr(at_, end - at_);
    for (const std::string_view known : kKeywords) {
      if (word != known) continue;
      at_ = end;
      return std::string(word);
    }
    return {};
  }

  // After "if", or after "else if".
  Result<Block::If> if_action(std::size_t depth) {
    Block::If branch;
    SIGNET_TRY(branch.condition, pipeline(depth));
    SIGNET_RETURN_IF_ERROR(close_action());
    SIGNET_TRY(branch.then, block_until_end(depth + 1));
    if (word_ == "else") {
      skip_space();
      if (looking_at("if") && keyword() == "if") {
        SIGNET_TRY(Block::If inner, if_action(depth + 1));  // takes the one "end" there is
        auto otherwise = std::make_shared<Block>();
        otherwise->parts.emplace_back(std::move(inner));
        branch.otherwise = std::move(otherwise);
        return branch;
      }
      SIGNET_RETURN_IF_ERROR(close_action());
      SIGNET_TRY(branch.otherwise, block_until_end(depth + 1));
    }
    if (word_ != "end") return wrong("an if has no end");
    word_.clear();
    SIGNET_RETURN_IF_ERROR(close_action());
    return branch;
  }

  Result<Pipeline> pipeline(std::size_t depth) {
    if (depth > PathTemplate::kMaxDepth) return wrong("too deep");
    Pipeline commands;
    while (true) {
      skip_space();
      SIGNET_TRY(Command command, this->command(depth, !commands.empty()));
      commands.push_back(std::move(command));
      skip_space();
      if (!looking_at("|")) return commands;
      ++at_;
    }
  }

  // piped: its last argument comes from the command before.
  Result<Command> command(std::size_t depth, bool piped) {
    Command command;
    std::size_t end = at_;
    while (end < source_.size() && is_word(source_[end])) ++end;
    const std::string_view name = source_.substr(at_, end - at_);
    if (!name.empty() && !(name[0] >= '0' && name[0] <= '9') && name != "true" && name != "false") {
      command.function = find_path_function(name);
      if (command.function == nullptr) {
        return wrong("function \"" + std::string(name) + "\" is not known here");
      }
      at_ = end;
    }
    while (true) {
      const std::size_t before = at_;
      skip_space();
      if (at_ == source_.size() || looking_at("}}") || looking_at("-}}") || looking_at("|") ||
          looking_at(")")) {
        break;
      }
      const bool is_first = command.function == nullptr && command.operands.empty();
      if (at_ == before && !is_first) return wrong("white space is expected between values");
      SIGNET_TRY(Operand operand, this->operand(depth));
      command.operands.push_back(std::move(operand));
    }
    if (command.function == nullptr) {
      if (command.operands.size() != 1 || piped)
        return wrong("a function or one value is expected");
      return command;
    }
    const std::size_t count = command.operands.size() + (piped ? 1 : 0);
    if (count < command.function->least || count > command.function->most) {
      return wrong("wrong number of arguments for \"" + std::string(command.function->name) + "\"");
    }
    return command;
  }

  Result<Operand> operand(std::size_t depth) {
    const char c = source_[at_];
    if (c == '(') {
      ++at_;
      SIGNET_TRY(Pipeline inner, pipeline(depth + 1));
      skip_space();
      if (!looking_at(")")) return wrong("\")\" is expected");
      ++at_;
      return Operand{std::make_shared<const Pipeline>(std::move(inner))};
    }
    if (c == '"' || c == '`') return string_literal(c);
    if (c == '.') return field();
    std::size_t end = at_ + (c == '-' ? 1 : 0);
    while (end < source_.size() && is_word(source_[end])) ++end;
    const std::string word(source_.substr(at_, end - at_));
    if (word == "true" || word == "false") {
      at_ = end;
      return Operand{Json(word == "true")};
    }
    const std::size_t digits = word.starts_with('-') ? 1 : 0;
    const bool octal = word.size() > digits + 1 && word[digits] == '0';  // to Go
    if (word.size() > digits && word.size() < 18 && !octal &&
        word.find_first_not_of("0123456789", digits) == std::string::npos) {
      at_ = end;
      return Operand{Json(std::stoll(word))};
    }
    if (c == '$') return wrong("variables are not supported in agent path templates");
    return wrong("a value is expected");
  }

  Result<Operand> string_literal(char quote) {
    std::string out;
    for (++at_; at_ < source_.size(); ++at_) {
      char c = source_[at_];
      if (c == quote) {
        ++at_;
        return Operand{Json(std::move(out))};
      }
      if (quote == '"' && c == '\\') {
        if (++at_ == source_.size()) break;
        c = source_[at_];
        if (c == 'n' || c == 't') {
          c = c == 'n' ? '\n' : '\t';
        } else if (c != '"' && c != '\\') {
          return wrong("this escape is not supported");
        }
      } else if (quote == '"' && c == '\n') {
        break;
      }
      out += c;
    }
    return wrong("unclosed string");
  }

  Result<Operand> field() {
    Field field;
    while (at_ < source_.size() && source_[at_] == '.') {
      std::size_t end = at_ + 1;
      while (end < source_.size() && is_word(source_[end])) ++end;
      if (end == at_ + 1) {
        if (!field.names.empty()) return wrong("a field name is expected");
        ++at_;
        return Operand{std::move(field)};
      }
      field.names.emplace_back(source_.substr(at_ + 1, end - at_ - 1));
      at_ = end;
    }
    return Operand{std::move(field)};
  }

  const std::string_view source_;
  std::size_t at_ = 0;
  bool trim_next_ = false;  // the action before ended with -}}
  std::string word_;        // "else" or "end" that ended the last block
};

class Renderer {
 public:
  explicit Renderer(const Json& data) : data_(data) {}

  Status block(const Block& block) {
    for (const Block::Part& part : block.parts) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        SIGNET_RETURN_IF_ERROR(write(*text));
      } else if (const auto* value = std::get_if<Pipeline>(&part)) {
        SIGNET_TRY(const Json result, pipeline(*value));
        SIGNET_TRY(const std::string printed, print_value(result));
        SIGNET_RETURN_IF_ERROR(write(printed));
      } else {
        const auto& branch = std::get<Block::If>(part);
        SIGNET_TRY(const Json condition, pipeline(branch.condition));
        const BlockPtr& chosen = is_true(condition) ? branch.then : branch.otherwise;
        if (chosen) SIGNET_RETURN_IF_ERROR(this->block(*chosen));
      }
    }
    return {};
  }
  std::string take() { return std::move(out_); }

 private:
  Status write(const std::string& text) {
    if (out_.size() + text.size() > PathTemplate::kMaxOutput) {
      return Status::invalid_argument("the agent path is too long");
    }
    out_ += text;
    return {};
  }
  Result<Json> pipeline(const Pipeline& commands) {
    Json value;
    for (const Command& command : commands) {
      Arguments arguments;
      for (const Operand& operand : command.operands) {
        SIGNET_TRY(Json argument, this->operand(operand));
        arguments.push_back(std::move(argument));
      }
      if (command.function == nullptr) {
        value = std::move(arguments.front());
        continue;
      }
      if (&command != &commands.front()) arguments.push_back(std::move(value));
      auto result = command.function->run(arguments);
      if (!result) return result.status().prefixed(std::string(command.function->name));
      value = std::move(*result);
    }
    return value;
  }
  Result<Json> operand(const Operand& operand) {
    if (const auto* literal = std::get_if<Json>(&operand.value)) return *literal;
    if (const auto* inner = std::get_if<std::shared_ptr<const Pipeline>>(&operand.value)) {
      return pipeline(**inner);
    }
    const Json* at = &data_;
    for (const std::string& name : std::get<Field>(operand.value).names) {
      const auto found = at->is_object() ? at->find(name) : at->end();
      if (!at->is_object() || found == at->end()) {
        return Status::invalid_argument("there is no field \"" + name + "\"");
      }
      at = &*found;
    }
    return *at;
  }

  const Json& data_;
  std::string out_;
};

}  // namespace

Result<PathTemplate> PathTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSource) {
    return Status::invalid_argument("agent path template is longer than 4096 bytes");
  }
  SIGNET_TRY(BlockPtr root, Parser(source).run());
  return PathTemplate(std::move(root));
}

Result<std::string> PathTemplate::render(const Json& data) const {
  Renderer renderer(data);
  SIGNET_RETURN_IF_ERROR(renderer.block(*root_));
  return renderer.take();
}

}  // namespace signet::x509pop
